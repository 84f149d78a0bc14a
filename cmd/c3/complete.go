package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
)

// completeWithin is for how long a shell may wait for completions.
const completeWithin = time.Second

// completeNames completes the name of a resource, the first argument, as far as they can be reached.
func (s *settings) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.complete(cmd, func(ctx context.Context, p reach.Place) (names []string, err error) {
		routes, err := p.Routes(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range routes.Resources {
			names = append(names, visible(r.Name)+"\t"+visible(r.Contract))
		}
		return names, nil
	})
}

// completeMethods completes a resource, and then its method.
func (s *settings) completeMethods(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return s.completeNames(cmd, args, word)
	}
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveDefault // an argument may be a file
	}
	return s.complete(cmd, func(ctx context.Context, p reach.Place) (names []string, err error) {
		d, err := p.Describe(ctx, args[0])
		if err != nil {
			return nil, err
		}
		for _, m := range d.Methods {
			names = append(names, visible(m.Name)+"\t"+visible(m.String()))
		}
		return names, nil
	})
}

// complete asks for completions. There are none if that fails.
func (s *settings) complete(cmd *cobra.Command, ask func(context.Context, reach.Place) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	var names []string
	err := s.do(cmd, func(ctx context.Context, p reach.Place) (err error) {
		ctx, cancel := context.WithTimeout(ctx, completeWithin)
		defer cancel()
		names, err = ask(ctx, p)
		return err
	})
	if err != nil {
		cobra.CompErrorln(oneLine(err))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
