// Package policy holds the rules that this repository keeps and that no compiler checks:
// who may import what, where unsafe code stands, what must be documented.
//
// There is nothing in it but tests. They read the source and import the standard library
// only. A rule that stands in the way is changed here, in a commit that says why.
package policy
