package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/ctwo-go/c2"
)

// file is a parsed source file of this module.
type file struct {
	path string // from the root, with slashes
	dir  string // its folder, "." for the root
	test bool
	ast  *ast.File
}

// imports returns the paths that f imports.
func (f *file) imports(t *testing.T) []string {
	t.Helper()
	paths := make([]string, 0, len(f.ast.Imports))
	for _, spec := range f.ast.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", f.path, spec.Path.Value, err)
		}
		paths = append(paths, path)
	}
	return paths
}

// source is the whole module, whatever platform a file is for.
type source struct {
	fset  *token.FileSet
	files []*file
}

// load parses every Go file of the module; nested modules and test data are not of it.
func load(t *testing.T) *source {
	t.Helper()
	src := &source{fset: token.NewFileSet()}
	walk(t, func(path string, entry fs.DirEntry) error {
		switch {
		case entry.IsDir() && path != "." && exists(path, "go.mod"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		parsed, err := parser.ParseFile(src.fset, filepath.Join(root, path), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(path)
		src.files = append(src.files, &file{
			path: slash,
			dir:  filepath.ToSlash(filepath.Dir(path)),
			test: strings.HasSuffix(slash, "_test.go"),
			ast:  parsed,
		})
		return nil
	})
	return src
}

// walk visits the repository, with paths from its root, as the go command does: without
// testdata and what begins with a dot or an underscore.
func walk(t *testing.T, visit func(path string, entry fs.DirEntry) error) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if path != "." && entry.IsDir() && (name == "testdata" || name[0] == '.' || name[0] == '_') {
			return fs.SkipDir
		}
		return visit(path, entry)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(append([]string{root}, elem...)...))
	return err == nil
}

// inModule turns an import path into a folder of this module.
func inModule(path string) (dir string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// area is the first element of a folder: the row of the import table that it falls under.
func area(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// reach returns the folders of this module that each folder's code imports, directly or
// through others. Tests do not count.
func (src *source) reach(t *testing.T) map[string][]string {
	t.Helper()
	direct := make(map[string]map[string]bool)
	for _, f := range src.files {
		if f.test {
			continue
		}
		if direct[f.dir] == nil {
			direct[f.dir] = make(map[string]bool)
		}
		for _, path := range f.imports(t) {
			if dir, ok := inModule(path); ok {
				direct[f.dir][dir] = true
			}
		}
	}
	reached := make(map[string][]string, len(direct))
	for dir := range direct {
		seen := make(map[string]bool)
		follow(direct, dir, seen)
		reached[dir] = slices.Sorted(maps.Keys(seen))
	}
	return reached
}

func follow(direct map[string]map[string]bool, dir string, seen map[string]bool) {
	for next := range direct[dir] {
		if !seen[next] {
			seen[next] = true
			follow(direct, next, seen)
		}
	}
}
