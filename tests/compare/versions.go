package main

import (
	"runtime"
	"runtime/debug"
)

// versions are those of the modules that this program is built of.
type versions map[string]string

func moduleVersions() versions {
	v := make(versions)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, m := range info.Deps {
		v[m.Path] = m.Version
		if m.Replace != nil {
			v[m.Path] = "of this repository"
		}
	}
	return v
}

// of returns the version of a module, and Go's for what comes with it.
func (v versions) of(module string) string {
	if module == "" {
		return runtime.Version()
	}
	if version, ok := v[module]; ok {
		return version
	}
	return "of an unknown version"
}
