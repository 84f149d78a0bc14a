// Package relayapi is what relays, the servers that announce to them and the clients that ask them say to each other in
// JSON, as docs/relay.md specifies it: plain data, shared by both sides so that neither can drift.
//
// It imports ipc for the codes of failures, and knows nothing of HTTP but the numbers of its statuses.
package relayapi
