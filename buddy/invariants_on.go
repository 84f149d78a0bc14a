//go:build race || invariants

package buddy

// invariants is set in builds for tests: state is checked, slow paths are taken at random, and memory that was given
// back is made unusable, so that whoever uses it still is found out.
const invariants = true
