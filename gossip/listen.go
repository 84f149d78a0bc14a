package gossip

import "errors"

// ErrListen is what Start fails with where the address for gossip can't be had now, such as one that is in use.
var ErrListen = errors.New("gossip: can't listen")

// listenError is an [ErrListen] that says why.
type listenError struct{ error }

// Is tells what it is, which its text does not need to.
func (listenError) Is(target error) bool { return target == ErrListen }

// Unwrap is the error of who tried.
func (e listenError) Unwrap() error { return e.error }
