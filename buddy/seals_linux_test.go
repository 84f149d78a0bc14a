package buddy_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// reopened is the file behind a descriptor, opened anew as a peer could.
func reopened(t *testing.T, file *os.File, flags int) *os.File {
	t.Helper()
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

func TestSealsRefuseAllButReading(t *testing.T) {
	s := newSegment(t, 1<<20)
	fill(s.Bytes(), 1)
	peer := reopened(t, s.File(), os.O_RDWR)
	fd := int(peer.Fd())
	for _, attack := range []struct {
		name string
		run  func() error
	}{
		{"write", func() error { _, err := peer.Write([]byte("x")); return err }},
		{"shrink", func() error { return peer.Truncate(1) }},
		{"grow", func() error { return peer.Truncate(2 << 20) }},
		{"punch a hole", func() error {
			return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
		}},
		{"map to write", func() error {
			mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err == nil {
				unix.Munmap(mem)
			}
			return err
		}},
		{"map to read, then make it writable", func() error {
			mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Munmap(mem)
			return unix.Mprotect(mem, unix.PROT_READ|unix.PROT_WRITE)
		}},
		{"seal it further", func() error {
			_, err := unix.FcntlInt(peer.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
			return err
		}},
		{"take pages away through the view", func() error {
			v := attach(t, s)
			defer v.Release()
			return unix.Madvise(v.Bytes(), unix.MADV_REMOVE)
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			if err := attack.run(); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
				t.Errorf("the kernel says %v, want a refusal", err)
			}
		})
	}
	if !filled(s.Bytes(), 1) {
		t.Error("the memory has changed")
	}
}

// memfdWith returns a memfd of which size bytes are allocated, with a hole before them, and the given seals.
func memfdWith(t *testing.T, hole, size int64, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { file.Close() })
	if err := unix.Fallocate(fd, 0, hole, size); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAttachRefuses(t *testing.T) {
	const (
		size = 1 << 20
		all  = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL | unix.F_SEAL_FUTURE_WRITE
	)
	leaktest.Check(t)
	regular, err := os.Create(filepath.Join(t.TempDir(), "regular"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	if err := regular.Truncate(size); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	closed := memfdWith(t, 0, size, all)
	closed.Close()
	for _, bad := range []struct {
		name string
		file *os.File
		size int64
		want string
	}{
		{"no seals", memfdWith(t, 0, size, 0), size, "seals"},
		{"no seal against shrinking", memfdWith(t, 0, size, all&^unix.F_SEAL_SHRINK), size, "seals"},
		{"no seal against growing", memfdWith(t, 0, size, all&^unix.F_SEAL_GROW), size, "seals"},
		{"no seal against seals", memfdWith(t, 0, size, all&^unix.F_SEAL_SEAL), size, "seals"},
		{"no seal against writing", memfdWith(t, 0, size, all&^unix.F_SEAL_FUTURE_WRITE), size, "seals"},
		{"smaller than agreed on", memfdWith(t, 0, size-4096, all), size, "agreed"},
		{"larger than agreed on", memfdWith(t, 0, size+4096, all), size, "agreed"},
		{"with holes", memfdWith(t, size-4096, 4096, all), size, "allocated"},
		{"a regular file", regular, size, "not a memfd"},
		{"a pipe", r, size, "not a memfd"},
		{"a directory", dir, size, "not a memfd"},
		{"a closed descriptor", closed, size, "bad file descriptor"},
		{"no bytes", memfdWith(t, 0, size, all), 0, "at least one"},
		{"a negative size", memfdWith(t, 0, size, all), -4096, "at least one"},
		{"part of a page", memfdWith(t, 0, size, all), 100, "whole pages"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			v, err := buddy.Attach(bad.file, bad.size)
			if err == nil {
				v.Release()
				t.Fatal("it was attached")
			}
			if !strings.Contains(err.Error(), bad.want) {
				t.Errorf("the error is %q, and does not say %q", err, bad.want)
			}
		})
	}
	if v, err := buddy.Attach(memfdWith(t, 0, size, all), size); err != nil {
		t.Errorf("one that is as it should be: %v", err)
	} else {
		v.Release()
	}
}

func TestAttachFileRefuses(t *testing.T) {
	s := newSegment(t, 1<<20)
	f := newFileSegment(t, 1<<20)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, bad := range []struct {
		name string
		file *os.File
		size int64
	}{
		{"a smaller file", f.File(), 2 << 20},
		{"a larger file", f.File(), 1 << 19},
		{"a pipe", r, 1 << 20},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if v, err := buddy.AttachFile(bad.file, bad.size); err == nil {
				v.Release()
				t.Error("it was attached")
			}
		})
	}
	if v, err := buddy.Attach(f.File(), f.Size()); err == nil {
		v.Release()
		t.Error("a file was attached as memory")
	}
	_ = s
}

// A disk that is full is an error that leaves nothing behind. The disk is a file system in memory of one megabyte.
func TestCreateFileOnAFullDisk(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("only who may mount can fill a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("something is left in use: %v", err)
		}
	})
	free := func() uint64 {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err != nil {
			t.Fatal(err)
		}
		return stat.Bfree
	}
	before := free()
	if _, err := buddy.CreateFile(dir, 2<<20); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a file of two megabytes: %v, want ENOSPC", err)
	}
	if now := free(); now != before {
		t.Errorf("%d blocks are free after the error, %d were before", now, before)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	s, err := buddy.CreateFile(dir, 1<<19)
	if err != nil {
		t.Fatalf("half a megabyte: %v", err)
	}
	fill(s.Bytes(), 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if now := free(); now != before {
		t.Errorf("%d blocks are free after Close, %d were before", now, before)
	}
}

func TestCreateFileWithoutADirectory(t *testing.T) {
	if _, err := buddy.CreateFile(filepath.Join(t.TempDir(), "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v, want that it does not exist", err)
	}
}

// names lists what has a name in shared memory.
func names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/dev/shm")
	if err != nil {
		t.Skip(err)
	}
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	slices.Sort(list)
	return list
}

// Too few descriptors are an error that leaves nothing behind, and the pool works again when there are more.
func TestNoDescriptorsLeft(t *testing.T) {
	leaktest.Check(t)
	p := newPool(t, buddy.Config{MaxBytes: 4 << 20})
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, small := p.Alloc(1)
	_, large := p.Alloc(4 << 20)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(small, unix.EMFILE) || !errors.Is(large, unix.EMFILE) {
		t.Errorf("the errors are %v and %v, want EMFILE", small, large)
	}
	mustAlloc(t, p, 4<<20) // no memory is set aside for what was not made
}
