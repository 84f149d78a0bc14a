package sched_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ctwo-go/c2/internal/bubble"
)

// TestAgainstModel runs random schedules and checks after every step that exactly the
// calls that the model admits are admitted, in its order.
func TestAgainstModel(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			program := randomProgram(uint64(seed))
			bubble.Test(t, func(t *testing.T) { runProgram(t, program) })
		})
	}
}

func randomProgram(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	program := make([]byte, 1+rng.IntN(120))
	for i := range program {
		program[i] = byte(rng.Uint32())
	}
	return program
}

// FuzzScheduler lets the fuzzer write the schedules of TestAgainstModel.
func FuzzScheduler(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{0x10, 0, 1, 0, 0, 5, 5})             // read, write, reads behind it, releases
	f.Add([]byte{0x10, 0, 1, 0, 0, 4, 5, 5, 5})       // the write between reads is cancelled
	f.Add([]byte{0x10, 1, 1, 0, 4, 12, 5, 5})         // cancels from the middle and the tail
	f.Add([]byte{0x00, 1, 1, 1, 5, 5})                // a queue of one is full
	f.Add([]byte{0x11, 0, 0, 5, 0, 5})                // exclusive
	f.Add([]byte{0x12, 0, 1, 0, 1, 5, 5})             // parallel
	f.Add([]byte{0x10, 1, 0, 1, 0xfb, 0, 5})          // closed with calls waiting
	f.Add([]byte{0x30, 0, 0, 1, 0, 0, 1, 0, 5, 5, 5}) // batches of reads between writes
	f.Add(randomProgram(1))
	f.Fuzz(func(t *testing.T, program []byte) {
		const enough = 200 // the model's cost grows with the square of the length
		program = program[:min(len(program), enough)]
		bubble.Test(t, func(t *testing.T) { runProgram(t, program) })
	})
}
