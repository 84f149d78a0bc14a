//go:build !race

package c2_test

const raceEnabled = false
