// Package sched decides which calls on one resource may run now and which wait.
//
// A [Scheduler] is a read/write lock for calls: fair, bounded, and left at once by a
// caller whose context ends. Local and remote calls on a resource go through the same
// one, so where a caller lives changes nothing about what may run beside what.
//
// The order is first come, first served. A call is admitted as soon as no earlier call
// that is still waiting or running conflicts with it, and two calls conflict unless both
// read. So reads that arrive together run together, a waiting write holds back the reads
// behind it, and a steady stream of either kind starves neither. What a call did to the
// resource is visible to every later call that conflicts with it, as under a lock.
//
// The package imports the standard library only. It must not know what a call is: no
// resources, methods, transports or Go types.
package sched
