package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine describes what the comparison ran on, in a line.
func machine(now time.Time) string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		parts[0] += " (" + model + ")"
	}
	if memory := field("/proc/meminfo", "MemTotal"); memory != "" {
		var kib float64
		if _, err := fmt.Sscan(memory, &kib); err == nil {
			parts = append(parts, fmt.Sprintf("%.0f GiB", kib/(1<<20)))
		}
	}
	system := runtime.GOOS + "/" + runtime.GOARCH
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		system += " " + strings.TrimSpace(string(release))
	}
	return strings.Join(append(parts, system, runtime.Version(), now.Format(time.DateOnly)), ", ")
}

// load is how much the machine has had to do in the last minute, or nothing where it does not say.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// field finds the first value of a name in a file of lines "name: value".
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
