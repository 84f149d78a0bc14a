package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/internal/relayapi"
)

func newMembers(s streams, where *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "members", Short: "List the relays of the mesh", Args: takes(0, 0), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `List the relays of the mesh that the relay is in, as it knows them: whether they live, how many resources they have, and
how long a message takes to them and back. The relay itself has a star. One that is superseded lives, but its id has a later start:
if it stays so for a minute, two relays have the same id, and the resources of the superseded one are not found.`,
		Example: `  c3 --relay http://relay:8080 members
  c3 --relay http://relay:8080 members --json | jq '.members | length'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				m, err := meshOf(p)
				if err != nil {
					return err
				}
				members, err := m.Members(ctx)
				return printMembers(s, members, asJSON, err)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the relay has it")
	return cmd
}

func newJoin(s streams, where *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "join ADDRESS…", Short: "Have a relay join a mesh", Args: takes(1, -1), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Have the relay join the mesh that others are in, by their URLs or the HOST:PORT of their gossip. One that can be
reached is enough. It takes the token of servers, where the relay has one.`,
		Example: `  c3 --relay http://relay-a:8080 join http://relay-b:8080
  c3 --relay http://relay-a:8080 join 10.0.0.2:7946 10.0.0.3:7946`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				m, err := meshOf(p)
				if err != nil {
					return err
				}
				members, err := m.Join(ctx, args)
				return printMembers(s, members, asJSON, err)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the members as JSON")
	return cmd
}

func newLeave(where *settings) *cobra.Command {
	return &cobra.Command{
		Use: "leave", Short: "Have a relay leave its mesh", Args: takes(0, 0), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Have the relay leave its mesh. It goes on serving the resources of its own host, and joins no mesh again until it is
started anew. It takes the token of servers, where the relay has one.`,
		Example: `  c3 --relay http://relay-a:8080 leave`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				m, err := meshOf(p)
				if err != nil {
					return err
				}
				return m.Leave(ctx)
			})
		},
	}
}

func meshOf(p reach.Place) (reach.Mesh, error) {
	m, ok := p.(reach.Mesh)
	if !ok {
		return nil, errors.New("only relays have a mesh: give --relay http://host:port")
	}
	return m, nil
}

func printMembers(s streams, members *relayapi.Members, asJSON bool, err error) error {
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(s.out, members)
	}
	rows := [][]string{{"RELAY", "STATUS", "URL", "GOSSIP", "ROUTES", "RTT"}}
	for i, m := range members.Members {
		rtt := "-"
		if m.RTT > 0 {
			rtt = time.Duration(m.RTT * float64(time.Second)).Round(time.Microsecond).String()
		}
		id := m.ID
		if i == 0 && id == members.Relay { // the one that answers; there may be another one with the same id
			id += " *"
		}
		rows = append(rows, []string{id, m.Status, cmp.Or(m.URL, "-"), cmp.Or(m.Gossip, "-"), strconv.Itoa(m.Routes), rtt})
	}
	return printTable(s.out, rows)
}
