// Package peer has c2 and the systems that it is compared with, all behind one shape: a [Peer] serves on a Unix socket, and its
// client sends bytes there and back and fetches a table, in one or several ways. A file is a peer.
//
// Each is set up as its own documentation says is fastest for this; [Peer].How says how that is. The package knows nothing of how
// the time is taken.
package peer
