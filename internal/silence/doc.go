// Package silence ends TCP connections whose other end does not answer any more: because its machine is gone, or the network
// between. The kernel tells of neither by itself for as long as nothing is to be sent, and takes a quarter of an hour else.
//
// It imports x/sys, and knows nothing of what is said over the connections.
package silence
