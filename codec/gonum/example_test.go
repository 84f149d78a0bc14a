package gonum_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/codec/gonum"
)

// System is what a contract's method could return.
type System struct {
	A *mat.Dense
	B *mat.VecDense
}

func ExampleRegister() {
	if err := gonum.Register(); err != nil {
		fmt.Println(err)
		return
	}
	item, err := codec.Marshal(System{mat.NewDense(2, 2, []float64{2, 0, 0, 4}), mat.NewVecDense(2, []float64{2, 2})})
	if err != nil {
		fmt.Println(err)
		return
	}
	var s System
	if err := codec.Unmarshal(item, &s); err != nil {
		fmt.Println(err)
		return
	}
	var x mat.VecDense
	fmt.Println(x.SolveVec(s.A, s.B), x.RawVector().Data)
	// Output: <nil> [1 0.5]
}
