package mesh

import (
	"testing"

	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) {
	child.Roles{"mesh-server": meshServer, "mesh-client": meshClient, "mesh-crowd": meshCrowd}.Play()
	leaktest.Main(m)
}
