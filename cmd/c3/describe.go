package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
)

func newDescribe(s streams, where *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Show the methods of a resource", Args: takes(1, 1), ValidArgsFunction: where.completeNames,
		Long:    `Show the methods of a resource, with the types of their parameters and results as Go has them, and which of them read.`,
		Example: `  c3 --at ipc://demo describe counter`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				d, err := p.Describe(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(s.out, d)
				}
				return printDescriptor(s, d)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the descriptor as JSON")
	return cmd
}

func printDescriptor(s streams, d *c2.Descriptor) error {
	_, err := fmt.Fprintln(s.out, visible(fmt.Sprintf("%s: %s, %s", d.Name, contract(d.Contract, d.Namespace, d.Version), d.Concurrency)))
	if err != nil {
		return other(err)
	}
	var rows [][]string
	for _, m := range d.Methods {
		rows = append(rows, []string{"  " + m.Access, m.String()})
	}
	return printTable(s.out, rows)
}
