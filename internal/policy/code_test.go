package policy_test

import (
	"go/ast"
	"testing"
)

// TestNoInit keeps work out of program start: what runs there can't be configured, can't
// return an error, and is paid for by programs that never use it.
func TestNoInit(t *testing.T) {
	for _, f := range load(t).files {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function; make it a function that is called", f.path)
			}
		}
	}
}

// TestPackagesAreDocumented asks for one package comment in each package.
func TestPackagesAreDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for _, f := range load(t).files {
		if !f.test {
			documented[f.dir] = documented[f.dir] || f.ast.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment: say what it is for, what it may import, what it must not know", dir)
		}
	}
}

// TestExportedNamesAreDocumented asks for a comment on whatever other packages can use,
// but for the methods that say no more of an error than package errors says of them.
func TestExportedNamesAreDocumented(t *testing.T) {
	src := load(t)
	for _, f := range src.files {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: %s is exported and has no comment", src.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that no comment covers.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv) && name != "Error" && name != "Unwrap") {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

func undocumentedSpecs(specs []ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if s.Doc == nil && s.Comment == nil && name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether a method is of an exported type: T, *T or T[P].
func exportedReceiver(recv *ast.FieldList) bool {
	expr := recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return false
		}
	}
}

// TestBubbles has tests in virtual time run in package bubble's way, which the race detector survives.
func TestBubbles(t *testing.T) {
	for _, f := range load(t).files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && sel.Sel.Name == "Test" && f.dir != "internal/bubble" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "synctest" {
					t.Errorf("%s calls synctest.Test; call bubble.Test", f.path)
				}
			}
			return true
		})
	}
}
