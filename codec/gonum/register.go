package gonum

import (
	"errors"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/ctwo-go/c2/codec"
)

// What the transferables are called on the wire.
const (
	NameDense    = "gonum.dense"
	NameVecDense = "gonum.vecdense"
)

// Register makes *mat.Dense and *mat.VecDense transferables, in every type that has them inside.
// It must come before a contract with one is used, so its place is at package level beside the
// contract:
//
//	var _ = gonum.Register()
//
// or the beginning of main, where its error can be seen. Calling it again does nothing.
func Register() error { return register() }

var register = sync.OnceValue(func() error {
	return errors.Join(
		codec.Register(codec.Transferable[*mat.Dense]{
			Name: NameDense, Size: sizeDense, Append: appendDense, Decode: decodeDense, View: viewDense,
		}),
		codec.Register(codec.Transferable[*mat.VecDense]{
			Name: NameVecDense, Size: sizeVecDense, Append: appendVecDense, Decode: decodeVecDense, View: viewVecDense,
		}),
	)
})
