// Package gossip is the mesh of relays: who is there, and which resources each of them has.
//
// Serf tells who is there and who has died, and carries one small [Tag] per relay: its URL, incarnation, and the version
// and digest of its route table. The routes themselves never travel by gossip. Each relay is the only author of its own table,
// so there is nothing to merge between authors, no conflict and no tombstone: whoever sees a version that he lacks pulls the
// difference from its owner, and an owner pushes what changes straight to the others, to be faster than the tag. How pulls and
// pushes travel is for the functions of [Config]: this package knows nothing of HTTP, of resources' contracts, of package relay.
// It imports the standard library, serf, memberlist and zerolog, and none of serf's types shows outside.
//
// # Threat model
//
// Members are trusted to be members: who has the gossip key, or reaches the port where there is none, may join. What they say is
// bounded by [Limits] and checked before use. A table is taken only if its digest is what its owner says; an owner that lies is
// asked for the whole once and then left alone for a while, and its last good table stays.
//
// # Ideas kept apart
//
//   - A Route (route.go) and a Delta (delta.go) are what travels; their encoding and parsing are pure functions.
//   - A ledger (ledger.go) is a relay's own table with its history: what changed since some version.
//   - A replica (replica.go) is another relay's table as it is known here. Applying a delta to it is all or nothing.
//   - A catalog (catalog.go, pulls.go) is all replicas, what serf says of their owners, and what is to be pulled when. It does no
//     input or output and has no clock: it is told the time, so that the same code runs in a simulation.
//   - A doubt (doubt.go) is about pushes that serf does not bear out.
//   - An outbox (outbox.go) is likewise what is to be pushed to whom.
//   - An index (index.go) answers lookups.
//   - A roster (roster.go) makes of serf's nodes who the relays are; twins (twin.go) are those that have this relay's id.
//   - A reunion (reunion.go) notices that a cut has healed, and is made faster than by serf alone.
//   - A gate (gate.go) bounds how many nodes serf takes.
//   - A keeper (keeper.go) writes down who is there, for the next start (memory.go).
//   - A Mesh (mesh.go) drives all of these with serf, goroutines and time.
//
// docs/mesh.md says why it is like this, and what was measured.
//
// # Locks
//
// catalog.mu may be held when index.mu is taken, outbox.mu when ledger.mu is; otherwise none is taken while another is held, and
// none while a function of Config or of serf runs.
package gossip
