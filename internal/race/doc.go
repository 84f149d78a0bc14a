// Package race tells tests whether the race detector is on: allocations, speed and memory are not those of a user's build then.
//
// It imports nothing, and is for tests only.
package race
