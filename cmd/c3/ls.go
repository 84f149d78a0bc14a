package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/internal/relayapi"
)

func newLs(s streams, where *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List the resources", Args: takes(0, 0), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `List the resources: their contracts, where they are, how many of their methods read and write, and how many
calls they had: through the relay that answers, or, with --at, from everywhere.`,
		Example: `  c3 --at ipc://demo ls
  c3 --relay http://relay:8080 ls --json | jq -r '.resources[].name'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				routes, err := p.Routes(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(s.out, routes)
				}
				return printTable(s.out, routeRows(routes))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the relay has it")
	return cmd
}

func routeRows(routes *relayapi.Routes) [][]string {
	rows := [][]string{{"NAME", "CONTRACT", "WHERE", "READS", "WRITES", "CALLS"}}
	for _, r := range routes.Resources {
		rows = append(rows, []string{
			r.Name, contract(r.Contract, r.Namespace, r.Version), cmp.Or(r.Address, r.URL, r.Relay, "-"), number(r.Reads), number(r.Writes), number(r.Calls),
		})
	}
	return rows
}

// contract is a contract with what it declares of itself.
func contract(name, namespace, version string) string {
	return strings.Join(strings.Fields(strings.Join([]string{name, namespace, version}, " ")), " ")
}
