//go:build !race && !invariants

package buddy

// invariants is set in builds for tests, by the race detector or the build tag of the same name.
const invariants = false
