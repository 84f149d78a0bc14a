package leaktest

// Run is Main short of its exit.
func Run(m interface{ Run() int }) (status int, report string) { return run(m) }
