package tests

import (
	"maps"
	"testing"

	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// roles are the programs that this binary may be.
var roles = child.Roles{
	"echo":   echoServer,
	"raw":    rawServer,
	"suite":  suiteServer,
	"tables": tablesServer,
	"pipe":   pipeServer,
	"crowd":  crowdCaller,
}

func addRoles(more child.Roles) bool {
	maps.Copy(roles, more)
	return true
}

func TestMain(m *testing.M) {
	roles.Play()
	leaktest.Main(m)
}
