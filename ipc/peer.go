package ipc

import "net"

// peerUID asks the kernel which user is at the other end of a socket.
func peerUID(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var askErr error
	if err := raw.Control(func(fd uintptr) { uid, askErr = socketPeerUID(int(fd)) }); err != nil {
		return 0, err
	}
	return uid, askErr
}
