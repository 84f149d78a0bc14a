//go:build !c2_nosynth

package synth_test

// disabled says that the build tag which leaves out the trampolines is set.
const disabled = false
