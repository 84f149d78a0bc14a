// Package codec turns Go values into bytes and back.
//
// A [Codec] is made once per type by [For]: reflection happens there, and what can't be encoded is
// reported there, every part of it with its path. Encoding and decoding then follow a tree of plans.
//
// What is written is valid CBOR (RFC 8949) of definite length, readable in any language:
//
//	bool, integers, floats   as such; integers in their shortest form, floats in their own width
//	string                   text string, valid UTF-8 both ways
//	[]byte, [n]byte          byte string
//	slices, arrays of        RFC 8746 typed array, little-endian: one tag, one byte string,
//	other numbers            one memory copy. Complex numbers are pairs of floats
//	other slices, arrays     array
//	map                      map; a key that occurs twice is refused
//	struct                   map keyed by field name, by the rules of encoding/json (embedding,
//	                         omitempty, omitzero, "-"); a cbor tag wins over a json tag and adds
//	                         keyasint and, on a field named _, toarray
//	time.Time                tag 0, RFC 3339 with nanoseconds and offset
//	big.Int                  integer, or tag 2 or 3
//	pointer                  what it points to; nil is null, as are nil slices and maps
//	any                      the value that it holds
//	types that encode        cbor.Marshaler's item; encoding.BinaryMarshaler's byte string;
//	themselves               encoding.TextMarshaler's text string. Each counts only together with
//	                         its Unmarshaler, so that what is sent can be read
//	transferables            see [Register]: tag 1664221185 around the bytes. [RegisterColumns]
//	                         makes one of a struct of slices
//
// Null decodes to the zero value of any type. Tags that mean nothing to the type at hand are passed
// over. A typed array may arrive as a plain array of numbers or in big-endian order. Heads longer
// than needed are read; indefinite lengths are refused. Names of struct fields match exactly, keys
// that the Go type lacks are skipped (twice or not), and fields that are missing stay zero.
//
// Decoded into any: nil, bool, int64 (uint64, then *big.Int, where that does not fit), float64,
// string, []byte, time.Time, *big.Int, []any, typed slices such as []float64, map[string]any (or
// map[any]any when a key is not text), a transferable's own type (or [Opaque]), and [cbor.Tag].
//
// A payload may lie in memory that its reader shares with its writer. [Codec.View] then leaves byte
// slices, slices of numbers and transferables with a View where they are. So that numbers lie as
// the processor wants them, what is 64 bytes or longer begins at a multiple of its element's size
// (a transferable with a View at one of 64), counted from the payload's start: the heads before it
// are longer than need be, tag 55799, which means nothing, stands before them, or a second byte
// string, which is skipped, before a transferable's. All of that is CBOR that any reader takes.
//
// Memory that the reader can see anyway need not be in the payload at all: an [Attacher] finds byte
// slices, slices of numbers and columns that lie in such an attachment, and a reference is written,
// tag 1664221186 around [attachment, offset, length] where the byte string would be. [Decoding] has
// the attachments. What keeps bytes undecoded ([Opaque], cbor.RawMessage, types that decode
// themselves) gets the data in their place, so that no reference outlives what it refers to.
//
// As in encoding/json, a struct that embeds a type with its own encoding, such as time.Time, is
// encoded by that type's methods and its other fields are not seen: give such a field a name.
//
// The package imports the standard library and fxamacker/cbor, which encodes the types that speak
// CBOR themselves (cbor.Marshaler, cbor.RawMessage, big integers). It knows nothing of transports or
// calls: the same bytes travel in a shared-memory block, on a socket and in an HTTP body.
package codec
