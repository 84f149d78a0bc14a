// Package gonum lets gonum's matrices stand in a contract: after [Register], *mat.Dense and
// *mat.VecDense are parameters and results like any other type.
//
// Decoded, a matrix is a copy of its own. Under hold (c2.Hold, c2.HoldInput) its elements lie in
// the peer's memory: it may be read until the hold is released, and must not be written to, so it
// can't be the receiver of an operation. Where the elements do not begin at a multiple of 8 or the
// processor is big-endian, it is a copy there too.
//
// # Layout
//
// All numbers are little-endian.
//
//	offset  bytes
//	     0      4  "c2mx"
//	     4      2  version, 1
//	     6      2  kind: 1 a matrix, 2 a vector
//	     8      8  rows
//	    16      8  columns; 1 for a vector
//	    24     40  zero
//	    64         rows*columns float64, row by row
//
// A matrix that is a part of another is written without what lies between its rows, and so is a
// vector that is a column. Rows and columns are both 0, or neither is; an empty vector has 0 of
// both. A nil pointer is null, as for any type. NaN and infinities keep their bits.
//
// A reader needs no more trust than this: the size must be what rows and columns say, to the byte.
//
// The package may import package codec and gonum, and knows nothing of transports.
package gonum
