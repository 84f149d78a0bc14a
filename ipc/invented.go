package ipc

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketSuffix = ".sock"
	// inventedPrefix begins the names that are made up; the number of the process follows.
	inventedPrefix = "c2-"
)

// InventAddress makes up an address that nobody has. The file of its socket is removed by later servers of the user if this
// process does not live to do so: nobody will ever listen there again.
func InventAddress() string {
	var b [6]byte
	rand.Read(b[:]) // never fails
	return Scheme + inventedPrefix + strconv.Itoa(os.Getpid()) + "-" + hex.EncodeToString(b[:])
}

// inventorOf is the number of the process that made up the name of a socket's file.
func inventorOf(file string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(file, inventedPrefix)
	if !ok || !strings.HasSuffix(rest, socketSuffix) {
		return 0, false
	}
	number, _, ok := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return pid, ok && err == nil && pid > 0
}

// maxSwept bounds how many files a server that starts looks at.
const maxSwept = 1024

// sweep removes the sockets with made-up names whose processes are gone, as far as it can. The directory must be locked. Where a process
// is of another container its number says nothing, so nobody may listen there, either.
func sweep(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxSwept)
	for _, name := range names {
		if pid, ok := inventorOf(name); ok && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = removeDead(filepath.Join(dir, name))
		}
	}
}
