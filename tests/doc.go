// Package tests holds what needs more than one package or process to test: the suite of behaviours that every
// placement of a resource has, faults between real processes, and benchmarks with their floors. Meshes of relays have a
// package of their own below it. It has no code of its own and is imported by nobody.
package tests
