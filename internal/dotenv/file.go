package dotenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile reads the variables whose names begin with prefix from a file, if it is there: none otherwise. Other lines of the
// file may be another program's, with a syntax of their own.
func ReadFile(name, prefix string) (map[string]string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	vars, err := Parse(bytes.NewReader(ownLines(text, prefix)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return vars, nil
}

// ownLines empties the lines whose names do not begin with prefix.
func ownLines(text []byte, prefix string) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		line = bytes.TrimPrefix(bytes.TrimSpace(line), []byte("export "))
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte(prefix)) {
			lines[i] = nil
		}
	}
	return bytes.Join(lines, []byte("\n"))
}
