//go:build race

package codec_test

// raceEnabled: under the race detector allocations are not those of a user's build.
const raceEnabled = true
