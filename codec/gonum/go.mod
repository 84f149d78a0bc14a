module github.com/ctwo-go/c2/codec/gonum

go 1.26.0

require (
	github.com/ctwo-go/c2 v0.0.0
	gonum.org/v1/gonum v0.17.0
)

require (
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
)

replace github.com/ctwo-go/c2 => ../..
