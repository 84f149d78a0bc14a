package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// publish writes the page to a file, and its charts beside it; or the page to standard output if there is none.
func publish(r *results, load, file string) error {
	prefix := "compare"
	if file != "" {
		prefix = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	var b bytes.Buffer
	if err := writePage(&b, r, machine(time.Now()), load, prefix); err != nil {
		return err
	}
	if file == "" {
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return err
	}
	for name, svg := range r.charts() {
		path := filepath.Join(filepath.Dir(file), prefix+"-"+name+".svg")
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			return err
		}
	}
	return nil
}
