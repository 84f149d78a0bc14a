package rows_test

import (
	"errors"
	"testing"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

func TestSums(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000, 4321} {
		want := 0.0
		for i := range n {
			want += float64(i%1000 + i%7 + i%3)
		}
		table := rows.New(n)
		if got := table.Sum(); got != want {
			t.Errorf("%d rows as columns: sum %v, want %v", n, got, want)
		}
		got, err := rows.SumBytes(table.AppendBytes(nil), n)
		if err != nil || got != want {
			t.Errorf("%d rows as bytes: sum %v, %v, want %v", n, got, err, want)
		}
	}
}

func TestSumBytesRefusesAnotherSize(t *testing.T) {
	b := rows.New(3).AppendBytes(nil)
	if _, err := rows.SumBytes(b, 4); err == nil {
		t.Error("three rows passed for four")
	}
}

func TestCacheMakesOnce(t *testing.T) {
	made := 0
	cache := rows.NewCache(func(n int) (int, error) {
		made++
		return 2 * n, nil
	})
	for range 3 {
		if got, err := cache.Get(21); got != 42 || err != nil {
			t.Fatalf("got %d, %v, want 42", got, err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times, want once", made)
	}
}

func TestCacheKeepsNoFailure(t *testing.T) {
	fail := errors.New("no memory")
	cache := rows.NewCache(func(int) (int, error) { return 0, fail })
	if _, err := cache.Get(1); err != fail {
		t.Fatalf("got %v, want %v", err, fail)
	}
	fail = nil
	if _, err := cache.Get(1); err != nil {
		t.Errorf("the failure was kept: %v", err)
	}
}
