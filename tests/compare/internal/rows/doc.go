// Package rows is the table that all peers are asked for: a row id (u32) and three coordinates (f64), 28 bytes a row, as
// columns in memory and as bytes to be sent. It knows of no peer.
package rows
