package policy_test

import (
	"slices"
	"strings"
	"testing"
)

// TestImportDirections pins which parts of the module a part may depend on, directly or
// through others. Arrows point one way, so that ipc moves payloads and knows no Go types,
// codec knows no transports, buddy knows no RPC, and a program that imports c2 links
// neither the relay nor the mesh.
func TestImportDirections(t *testing.T) {
	may := map[string][]string{
		".":        {"codec", "ipc", "buddy", "internal"},
		"codec":    {"codec", "internal"},
		"buddy":    {"buddy", "internal"},
		"ipc":      {"ipc", "buddy", "internal"},
		"gossip":   {"gossip", "internal"},
		"relay":    {"relay", ".", "codec", "ipc", "buddy", "gossip", "internal"},
		"internal": {"internal", "codec", "ipc", "buddy"},
		"examples": {"examples", ".", "codec", "ipc", "buddy", "relay", "gossip", "internal"},
		"cmd":      {"cmd", ".", "codec", "ipc", "buddy", "relay", "gossip", "internal"},
		"tests":    {"tests", ".", "codec", "ipc", "buddy", "relay", "gossip", "internal"},
	}
	for dir, reached := range load(t).reach(t) {
		allowed, ok := may[area(dir)]
		if !ok {
			t.Errorf("%s is a new part of the module: say here and in CONTRIBUTING.md what it may import", dir)
		}
		for _, other := range reached {
			if !slices.Contains(allowed, area(other)) {
				t.Errorf("%s depends on %s; it may depend on %s", dir, other, strings.Join(allowed, ", "))
			}
		}
	}
}

// TestDependencies pins who may import which module of others, so that a dependency is a
// decision and stays behind one door.
func TestDependencies(t *testing.T) {
	owners := map[string][]string{
		"github.com/fxamacker/cbor/":      {"codec"},
		"github.com/rs/zerolog":           {".", "relay", "gossip", "internal"},
		"golang.org/x/sys/":               {"buddy", "ipc", "relay", "internal"},
		"github.com/valyala/fasthttp":     {"relay"},
		"github.com/prometheus/":          {"relay"},
		"github.com/hashicorp/serf/":      {"gossip"},
		"github.com/hashicorp/memberlist": {"gossip"},
		"github.com/spf13/":               {"cmd"},
	}
	free := []string{"cmd", "examples", "tests"}
	for _, f := range load(t).files {
		if f.test || slices.Contains(free, area(f.dir)) {
			continue
		}
		for _, path := range f.imports(t) {
			if _, own := inModule(path); own || !strings.Contains(area(path), ".") {
				continue
			}
			if !slices.Contains(ownersOf(owners, path), area(f.dir)) {
				t.Errorf("%s imports %s; give that job to %v, or decide here that it may", f.path, path, ownersOf(owners, path))
			}
		}
	}
}

func ownersOf(owners map[string][]string, path string) []string {
	for prefix, areas := range owners {
		if strings.HasPrefix(path, prefix) {
			return areas
		}
	}
	return nil
}

// TestNoTestCodeInPrograms keeps package testing, with its flags, out of what users link.
func TestNoTestCodeInPrograms(t *testing.T) {
	helpers := []string{"internal/leaktest", "internal/await", "internal/child", "internal/race", "internal/bubble"}
	for _, f := range load(t).files {
		if f.test || slices.Contains(helpers, f.dir) || area(f.dir) == "tests" {
			continue
		}
		for _, path := range f.imports(t) {
			if path == "testing" || slices.Contains(helpers, strings.TrimPrefix(path, module+"/")) {
				t.Errorf("%s imports %s; only tests may", f.path, path)
			}
		}
	}
}

// TestUnsafeIsMarked keeps unsafe code where its name says so and its reason stands.
func TestUnsafeIsMarked(t *testing.T) {
	for _, f := range load(t).files {
		if !f.test && slices.Contains(f.imports(t), "unsafe") && !strings.HasSuffix(f.path, "_unsafe.go") {
			t.Errorf("%s imports unsafe; move what needs it to a file named …_unsafe.go", f.path)
		}
	}
}
