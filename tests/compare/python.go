package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed python/*.py
var pythonFiles embed.FS

// pythonPeer is a peer that is written in Python: a program of ours and the virtual environment that it runs in.
type pythonPeer struct {
	entrant
	file, pip string
}

// pythonPeers are all of them. They are named after their environments.
func pythonPeers() []pythonPeer {
	return []pythonPeer{
		{entrant{
			name:  "ctwo-views",
			title: "C-Two 0.5",
			how: "The last release that lets users define views (`transferable` with `from_buffer`). *In place*: both sides read where the bytes lie " +
				"(`buffer=\"hold\"`, `cc.hold`). *Held*: `cc.hold`. *Owned*: one copy. A table is bytes that were encoded before. Segments of 2 GiB, as in " +
				"its own benchmarks. A thread for each caller.",
			echoes: []string{"owned", "in place"},
			tables: []string{"held", "owned"},
		}, "ctwo_views.py", "c-two"},
		{entrant{
			name:  "ctwo",
			title: "C-Two 0.9",
			how: "The newest release. It pickles bytes and arrays. (FastDB payloads, the other way that it has, are copied when they are opened and " +
				"read value by value.) Segments of 2 GiB. A thread for each caller.",
			echoes: []string{"pickle"},
			tables: []string{"pickle"},
		}, "ctwo.py", "c-two"},
		{entrant{
			name:  "ray",
			title: "Ray",
			how: "An actor. From 100 KiB on, `ray.put` for arguments; arrays are read from the object store (4 GiB) where they lie. A thread for each " +
				"caller. It has processes of its own beside the two.",
			echoes: []string{"object store"},
			tables: []string{"object store"},
		}, "rayactor.py", "ray"},
	}
}

// pythonEntrants are the peers whose environments are in the folder venvs, and those that are not there. The programs are
// written to the folder programs.
func pythonEntrants(ctx context.Context, venvs, programs string) (entrants []entrant, absent []absence, err error) {
	if venvs == "" {
		return nil, []absence{{"C-Two, Ray", "they were not asked for; python/install.sh installs them for -python"}}, nil
	}
	if venvs, err = filepath.Abs(venvs); err != nil {
		return nil, nil, err
	}
	if err := os.CopyFS(programs, pythonFiles); err != nil {
		return nil, nil, err
	}
	for _, p := range pythonPeers() {
		python := filepath.Join(venvs, p.name, "bin", "python")
		version, err := pipVersion(ctx, python, p.pip)
		if err != nil {
			absent = append(absent, absence{p.title, fmt.Sprintf("it is not installed, which python/install.sh tries: %v", err)})
			continue
		}
		file := filepath.Join(programs, "python", p.file)
		p.entrant.version = version
		p.entrant.server = pythonCommand(python, file, serverRole)
		p.entrant.client = pythonCommand(python, file, clientRole)
		entrants = append(entrants, p.entrant)
	}
	return entrants, absent, nil
}

// pipVersion is the version of a package in an environment.
func pipVersion(ctx context.Context, python, name string) (string, error) {
	out, err := exec.CommandContext(ctx, python, "-c", "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))", name).Output()
	return strings.TrimSpace(string(out)), err
}

func pythonCommand(python, file, role string) func(string) *exec.Cmd {
	return func(address string) *exec.Cmd {
		return exec.Command(python, "-B", file, role, address)
	}
}
