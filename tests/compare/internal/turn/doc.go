// Package turn is how the program that compares talks with the client processes of the peers. It asks one of them for a turn
// of calls by a line of JSON on the client's standard input, and gets a line with what they took on its standard output; then
// it asks the next one. So every peer has two processes of its own, whatever it is written in, and all see the same machine.
//
// Durations are nanoseconds. A client ends when its standard input does.
package turn
