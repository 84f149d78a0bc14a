// Package leaktest fails a test that leaves something behind: a goroutine, an open
// descriptor, or shared memory that is still mapped.
//
//	func TestServer(t *testing.T) {
//		leaktest.Check(t) // first, so that it looks last
//		…
//	}
//
//	func TestMain(m *testing.M) { leaktest.Main(m) } // the whole package, at its end
//
// It looks at the whole process, so tests that run in parallel see each other's doings:
// [Check] is for tests that do not, [Main] for either. Descriptors and mappings are seen
// on Linux, through /proc; elsewhere only goroutines are.
//
// It imports the standard library only, and is for tests only.
package leaktest
