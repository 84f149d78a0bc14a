package buddy

import "os"

// nameless opens a new file in dir that has no name any more.
func nameless(dir string) (*os.File, error) { return createAndUnlink(dir) }
