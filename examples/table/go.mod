// A module of its own, so that arrow-go is not a dependency of c2.
module github.com/ctwo-go/c2/examples/table

go 1.26.0

require (
	github.com/apache/arrow-go/v18 v18.8.0
	github.com/ctwo-go/c2 v0.0.0
	github.com/ctwo-go/c2/codec/arrow v0.0.0
)

require (
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/goccy/go-json v0.10.6 // indirect
	github.com/google/flatbuffers v25.12.19+incompatible // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/pierrec/lz4/v4 v4.1.29 // indirect
	github.com/rs/zerolog v1.35.1 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace (
	github.com/ctwo-go/c2 => ../..
	github.com/ctwo-go/c2/codec/arrow => ../../codec/arrow
)
