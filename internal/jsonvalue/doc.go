// Package jsonvalue stands between JSON, as people and scripts have it, and the CBOR values of c2, as docs/relay.md says
// under "Calls". Both directions are one pass over the bytes without a tree in memory: [AppendArgs] goes by the schemas
// of a method's parameters, [Write] by what is there, with the schemas of the results for what the bytes leave out.
//
// Both take bytes of strangers: nesting is bounded by codec.MaxDepth, nothing is allocated by a length that is only
// declared, and what is written is at most a small multiple of what was read.
//
// It imports codec, and knows nothing of calls or HTTP.
package jsonvalue
