// Package access decides which methods of a resource read and which write.
//
// A method's struct tag speaks first, then its name, and what neither says is a write:
// the choice that is safe for a resource that nobody annotated.
//
// The package imports the standard library only. It must not know what runs the methods
// (see package sched) nor look at Go types: names and tags come to it as strings.
package access

import "fmt"

// Access says what a method does to its resource.
type Access uint8

const (
	// Write changes the resource and runs alone. It is the zero value.
	Write Access = iota
	// Read leaves the resource as it is and may run beside other reads.
	Read
)

// String returns "write" or "read".
func (a Access) String() string {
	switch a {
	case Write:
		return "write"
	case Read:
		return "read"
	}
	return fmt.Sprintf("access(%d)", uint8(a))
}
