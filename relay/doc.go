// Package relay is the HTTP gateway to the resources of one host: servers announce themselves to it, and anybody calls
// them by name, with JSON or CBOR. docs/relay.md specifies what it speaks.
//
// It passes payloads on and knows resources by their descriptors only. A large body goes from the connection straight into
// the memory that the relay shares with the server, and an answer from the server's memory into the socket; what the relay
// itself holds of a call does not grow with it. A peer that is slow keeps no server's memory: what it has not sent or read
// yet waits in a file.
//
// It may import the packages of one host (c2 for descriptors, codec, ipc) and gossip, but nothing that is a program's:
// package cmd/c3 gives it its settings. It serves by fasthttp, whose RequestCtx must not be used after its handler has
// returned.
//
// Locks: Relay.mu (routes) comes after server.turn, and nothing is called with it held.
package relay
