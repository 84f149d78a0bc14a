package turn

import "time"

// What a turn may consist of.
const (
	Echo  = "echo"  // bytes there and back
	Table = "table" // a table is fetched and added up
)

// Request asks for a turn.
type Request struct {
	Work string `json:"work"` // Echo or Table
	Way  string `json:"way"`  // one of the peer's ways to do it
	Size int    `json:"size"` // bytes, or rows

	Warm  int           `json:"warm"`  // calls before the first that counts
	Calls int           `json:"calls"` // calls that count, at most; with Callers as many as Span allows
	Span  time.Duration `json:"span"`  // after which no call is begun
	Pause time.Duration `json:"pause"` // between calls

	// Callers is how many call at once. If it is above 1, calls are counted and not timed.
	Callers int `json:"callers"`

	// Whole has all of an answer compared with what was sent, not some bytes of it. That takes time: it is for tests.
	Whole bool `json:"whole"`
}

// Answer says how a turn went.
type Answer struct {
	Took    []time.Duration `json:"took,omitempty"`  // each call that counts, if there was one caller
	Calls   int             `json:"calls"`           // how many they were
	Elapsed time.Duration   `json:"elapsed"`         // what they took together
	Sum     float64         `json:"sum,omitempty"`   // of the table
	Error   string          `json:"error,omitempty"` // why the turn was broken off
}
