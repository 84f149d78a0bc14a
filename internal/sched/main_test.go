package sched_test

import (
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
