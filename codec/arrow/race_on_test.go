//go:build race

package arrow_test

// raceEnabled: under the race detector allocations are not those of a user's build.
const raceEnabled = true
