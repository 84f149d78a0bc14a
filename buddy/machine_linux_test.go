package buddy_test

import (
	"testing"
	"testing/fstest"

	"github.com/ctwo-go/c2/buddy"
)

// machine is the files of one with 16 GiB, and those given.
func machine(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal:       16777216 kB\nMemFree:         1024 kB\n")}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestMachineMemory(t *testing.T) {
	const all = 16 << 30
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no groups", nil, all},
		{"version 2 without a limit", map[string]string{
			"proc/self/cgroup": "0::/user.slice/a.scope\n", "sys/fs/cgroup/user.slice/a.scope/memory.max": "max\n",
		}, all},
		{"version 2 with a limit", map[string]string{
			"proc/self/cgroup": "0::/user.slice/a.scope\n", "sys/fs/cgroup/user.slice/a.scope/memory.max": "1048576\n",
		}, 1 << 20},
		{"version 2 with a lower limit above", map[string]string{
			"proc/self/cgroup": "0::/a/b/c\n", "sys/fs/cgroup/a/b/c/memory.max": "8388608\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "4194304\n",
		}, 4 << 20},
		{"version 2 in a container that is its own root", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "2097152\n",
		}, 2 << 20},
		{"version 2 with a path that is not in the container", map[string]string{
			"proc/self/cgroup": "0::/../../docker/1234\n", "sys/fs/cgroup/memory.max": "2097152\n",
		}, 2 << 20},
		{"a limit beyond what the machine has", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1099511627776\n",
		}, all},
		{"version 1 without a limit", map[string]string{
			"proc/self/cgroup": "7:cpu:/a\n4:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/cpu/a/memory.limit_in_bytes":        "1\n",
			"sys/fs/cgroup/memory/other/memory.limit_in_bytes": "1\n",
		}, all},
		{"version 1 with a limit", map[string]string{
			"proc/self/cgroup": "7:cpu:/a\n4:hugetlb,memory:/a\n1:name=systemd:/a:b\n0::/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3145728\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
		}, 3 << 20},
		{"nonsense in each file", map[string]string{
			"proc/self/cgroup": "x\n:\n0::/\n", "sys/fs/cgroup/memory.max": "-5\n",
		}, all},
		{"a limit, and nothing of the machine", map[string]string{
			"proc/meminfo": "", "proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "1048576",
		}, 1 << 20},
		{"no limit, and nothing of the machine", map[string]string{
			"proc/meminfo": "MemTotal: lots\n", "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 1 << 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := buddy.MachineMemoryOf(machine(c.files)); got != c.want {
				t.Errorf("it counts on %d bytes, want %d", got, c.want)
			}
		})
	}
	if got := buddy.MachineMemoryOf(fstest.MapFS{}); got != 1<<30 {
		t.Errorf("without any file it counts on %d bytes, want 1 GiB", got)
	}
	if got := buddy.MachineMemory(); got < 1<<20 {
		t.Errorf("this machine has %d bytes", got)
	}
}

func FuzzMachineMemory(f *testing.F) {
	f.Add("MemTotal: 1 kB\n", "0::/a\n", "max\n")
	f.Add("MemTotal: 9223372036854775807 kB\n", "4:memory:/..//.\n", "9223372036854771712")
	f.Add("MemTotal:", "0::", "-1")
	f.Fuzz(func(t *testing.T, meminfo, groups, limit string) {
		files := map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": groups}
		for _, name := range []string{"memory.max", "memory/memory.limit_in_bytes", "a/memory.max"} {
			files["sys/fs/cgroup/"+name] = limit
		}
		if got := buddy.MachineMemoryOf(machine(files)); got <= 0 {
			t.Errorf("it counts on %d bytes", got)
		}
	})
}
