//go:build !amd64 && !arm64

package ipc

func pause() {}
