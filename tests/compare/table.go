package main

import "strings"

// table is a table of Markdown that is being written.
type table struct {
	strings.Builder
}

func newTable(head ...string) *table {
	t := new(table)
	t.add(head...)
	t.WriteString("|" + strings.Repeat(" --- |", len(head)) + "\n")
	return t
}

// add adds a row.
func (t *table) add(cells ...string) {
	t.WriteString("|")
	for _, cell := range cells {
		if cell != "" {
			t.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`))
		}
		t.WriteString(" |")
	}
	t.WriteString("\n")
}
