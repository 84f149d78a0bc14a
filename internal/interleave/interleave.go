// Package interleave checks a protocol between several parties in every order in which their steps can happen. It is for
// tests, and for models of what they test: states that can be compared, and the steps that lead from one to the next. It knows
// nothing of what they mean.
package interleave

import "fmt"

// maxStates bounds the memory of a check: a model that has more is too large to be looked at in this way.
const maxStates = 4 << 20

// Check visits every state that can be reached from the first one. moves returns the states to which one step of any party
// leads from s, none if nobody can do anything. check says what is wrong with a state; last tells that it has no moves.
//
// It returns how many states there are. The error is the first that check has found, with the shortest way to that state.
func Check[S comparable](first S, moves func(s S) []S, check func(s S, last bool) error) (states int, err error) {
	from := map[S]S{first: first}
	queue := []S{first}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		next := moves(s)
		if err := check(s, len(next) == 0); err != nil {
			return len(from), fmt.Errorf("%w, after%s", err, trace(from, first, s))
		}
		for _, n := range next {
			if _, seen := from[n]; !seen {
				from[n] = s
				queue = append(queue, n)
			}
		}
		if len(from) > maxStates {
			return len(from), fmt.Errorf("interleave: more than %d states", maxStates)
		}
	}
	return len(from), nil
}

func trace[S comparable](from map[S]S, first, s S) string {
	text := fmt.Sprintf("\n\t%+v", s)
	for s != first {
		s = from[s]
		text = fmt.Sprintf("\n\t%+v", s) + text
	}
	return text
}
