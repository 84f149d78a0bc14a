//go:build !((linux || darwin) && (amd64 || arm64)) || c2_nosynth

package synth

import (
	"fmt"
	"reflect"
	"runtime"
)

// patch is where this build ends: it has no trampolines.
func patch(_, _ reflect.Type) error {
	return fmt.Errorf("this build for %s/%s has no trampolines; linux and darwin on amd64 and arm64 have, "+
		"without the build tag c2_nosynth", runtime.GOOS, runtime.GOARCH)
}
