package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// options are what the command line says.
type options struct {
	quick               bool
	only, write, python string
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	flags.BoolVar(&o.quick, "quick", false, "measure little, to see whether all works")
	flags.StringVar(&o.only, "only", "", "the `names` of those who take part, by commas; all if empty")
	flags.StringVar(&o.write, "write", "", "write a page to this `file`, and its charts beside it")
	flags.StringVar(&o.python, "python", "", "the `folder` that python/install.sh installed the peers written in Python into")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag; -help shows them", flags.Arg(0))
	}
	return o, nil
}

// choose keeps those whose names are listed.
func choose(entrants []entrant, only string) ([]entrant, error) {
	if only == "" {
		return entrants, nil
	}
	var chosen []entrant
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(entrants, func(e entrant) bool { return e.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no %q; there are %s", name, namesOf(entrants))
		}
		chosen = append(chosen, entrants[i])
	}
	return chosen, nil
}

func namesOf(entrants []entrant) string {
	var names []string
	for _, e := range entrants {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}
