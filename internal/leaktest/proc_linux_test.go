package leaktest_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestCheckNamesALeakedDescriptor(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "left open")
		fake := new(fakeTB)
		leaktest.Check(fake)
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		expect(t, fake.end(), "descriptor ", " -> "+path)
	})
}

func TestCheckSeesADescriptorThatIsUsedAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		before, err := os.Create(filepath.Join(dir, "before"))
		if err != nil {
			t.Fatal(err)
		}
		fake := new(fakeTB)
		leaktest.Check(fake)
		before.Close()
		after, err := os.Create(filepath.Join(dir, "after"))
		if err != nil {
			t.Fatal(err)
		}
		defer after.Close()
		expect(t, fake.end(), " -> "+after.Name())
	})
}

func TestCheckNamesALeakedMapping(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "left mapped")
		if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
		fake := new(fakeTB)
		leaktest.Check(fake)
		defer syscall.Munmap(mapShared(t, path))
		expect(t, fake.end(), "mapping of 8192 bytes more: inode ", path)
	})
}

func TestCheckPassesWhenAMappingShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mapped")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := mapShared(t, path), mapShared(t, path)
	defer syscall.Munmap(two)
	fake := new(fakeTB)
	leaktest.Check(fake)
	if err := syscall.Munmap(one); err != nil {
		t.Fatal(err)
	}
	if report := fake.end(); report != "" {
		t.Errorf("blamed for:\n%s", report)
	}
}

func mapShared(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	memory, err := syscall.Mmap(int(file.Fd()), 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	return memory
}
