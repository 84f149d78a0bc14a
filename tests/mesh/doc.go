// Package mesh tests relays that find each other, with processes of the real command: hosts in network namespaces, whose wire the
// tests hold, and crowds of servers on loopback. It has no code of its own and is imported by nobody.
package mesh
