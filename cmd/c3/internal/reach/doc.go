// Package reach is how the command line reaches resources: by a relay, over HTTP, or in a process of this host, over ipc.
// Both look the same from outside.
//
// It imports package c2 and what the relay's interface is made of, and knows nothing of flags, tables and exit codes.
package reach
