// Package ipc carries calls between two processes of one host.
//
// It moves payloads, which to it are bytes, between a [Client] and a [Server] through rings in shared memory, with a
// Unix-domain socket beside them, or over the socket alone: handshake, frames, multiplexing, cancellation, limits and the
// death of a peer are its business. What the bytes mean, which resources exist and who may run beside whom are not: it
// knows nothing of Go types, contracts or codecs. It imports the standard library, golang.org/x/sys, package ring, and buddy
// for the memory.
//
// # Threat model
//
// A peer runs under the same user id, which the kernel vouches for; nothing else about it is trusted. All it
// sends is bounds-checked before use, memory is made ready in proportion to the bytes that have come and never on a
// peer's word alone, and each thing a peer can pile up (connections, calls, bytes being assembled, answers it does not read) has
// a finite bound in [Config]. A peer that breaks the protocol loses its connection and nothing more.
//
// # Ideas kept apart
//
//   - A frame (frame.go) is a header and a body on the stream. Parsing and building frames are pure functions.
//   - A payload (payload.go) is the bytes of a call's arguments or results. Who sends one hands over a [Body]
//     that can append itself to memory which the transport chooses; who receives one reads a [Payload] and
//     releases it. Neither sees how it travelled.
//   - A stream (stream.go) is what frames go over: a socket (socket.go) or rings (rings.go). Neither knows what frames are.
//   - An endpoint (client.go, server.go) is a connection's two ends and the calls in flight between them.
//
// docs/wire.md is the specification of what travels; the golden tests of this package keep it true.
//
// # Locks
//
// Who holds a lock may take those behind it:
//
//   - Loans.mu, the locks of a [buddy.Pool] (it holds one of them when it tells of a new segment), lender.pinMu, sender.mu;
//   - then one of serverConn.mu, and behind that callContext.mu; lender.mu; Pinned.mu;
//   - behind Loans.mu alone also ranges.mu, cooling.mu and Memory.mu, and behind clientConn.mu borrower.mu;
//   - last of all socket.mu and sleepers.mu, neither with the other. Who sleeps on a socket holds no lock.
//
// Otherwise none is taken while another is held. A payload is released with none of them held: that may free a block, close
// a pool and write a frame. What a pool tells (lender.onSegment and onDrop) queues a frame, or writes as much of it as the
// stream takes at once, and waits for nothing.
package ipc
