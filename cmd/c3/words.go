package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// takes checks how many arguments a command gets: least to most, or any number from least on if most is negative.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("an argument is missing: %s", cmd.UseLine())
		case most >= 0 && len(args) > most:
			return fmt.Errorf("unexpected argument %q: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}

// commands refuses what is the name of no command, and tells of those that are alike.
func commands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	alike := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		alike = "did you mean " + strings.Join(names, " or ") + "? "
	}
	return fmt.Errorf("unknown command %q; %sc3 --help lists them all", args[0], alike)
}
