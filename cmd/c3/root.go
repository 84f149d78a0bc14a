package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run runs a command line, and is the code to exit with.
func run(ctx context.Context, s streams, args []string) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(s.err, "c3: "+oneLine(err))
	}
	return exitCode(err)
}

const rootLong = `c3 lists, describes and calls the resources of c2: by a relay, or in a process of this host. It is the relay, too.

Where they are is said by --relay or --at, by C2_RELAY or C2_AT in the environment, or by these in the
file .env of the working directory: the first of the three that speaks. Likewise the other settings.

c3 exits with
   0  all went well
   1  the resource returned an error
   2  the command line, a setting or an argument is wrong, and will be the next time
   3  the resource, its process or the relay can't be reached, or went away
   4  there is no such resource or method
   5  it is denied
   6  it took longer than --timeout
   7  too much is in flight; nothing ran, unless the message says otherwise
   8  anything else, such as a panic in the resource, or a port that is in use
 130  c3 was interrupted
`

const rootExample = `  c3 --at ipc://demo ls
  c3 call --at ipc://demo counter Increment 10
  C2_RELAY=http://relay:8080 c3 stats counter`

// newRoot makes the command line. Each command is one function here, and one file.
func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use: "c3", Short: "Call resources, and serve them over HTTP", Long: rootLong, Example: rootExample,
		Args: commands, SuggestionsMinimumDistance: 2, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	where := newSettings(root)
	root.AddCommand(
		newLs(s, where),
		newDescribe(s, where),
		newCall(s, where),
		newPing(s, where),
		newStats(s, where),
		newRelay(s, where),
		newMembers(s, where),
		newJoin(s, where),
		newLeave(where),
		newVersion(s),
	)
	return root
}
