package dotenv_test

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ctwo-go/c2/internal/dotenv"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string]string
	}{
		"nothing":            {"", map[string]string{}},
		"only comments":      {"# a\n\n  # b\n\t\n", map[string]string{}},
		"one":                {"A=1", map[string]string{"A": "1"}},
		"several":            {"A=1\nB_2=two words\n", map[string]string{"A": "1", "B_2": "two words"}},
		"empty value":        {"A=\nB= \nC=''\nD=\"\"", map[string]string{"A": "", "B": "", "C": "", "D": ""}},
		"the later one":      {"A=1\nA=2", map[string]string{"A": "2"}},
		"spaces around":      {"  A = 1  \n", map[string]string{"A": "1"}},
		"windows lines":      {"\ufeffA=1\r\nB='2'\r\n", map[string]string{"A": "1", "B": "2"}},
		"export":             {"export A=1\nexport\tB=2\nexport=3\nexport =4", map[string]string{"A": "1", "B": "2", "export": "4"}},
		"exported":           {"exportA=1", map[string]string{"exportA": "1"}},
		"names of others":    {"my.app-name=x", map[string]string{"my.app-name": "x"}},
		"comment behind":     {"A=1 # one\nB=#none\nC=a#b\nD='x' # y", map[string]string{"A": "1", "B": "", "C": "a#b", "D": "x"}},
		"equals in value":    {"A=b=c==", map[string]string{"A": "b=c=="}},
		"quotes inside":      {`A=it's "so"`, map[string]string{"A": `it's "so"`}},
		"single quotes":      {`A=' \n $B "x" # '`, map[string]string{"A": ` \n $B "x" # `}},
		"double quotes":      {`A=" 'x' # "`, map[string]string{"A": ` 'x' # `}},
		"escapes":            {`A="\n\r\t\\\"\$"`, map[string]string{"A": "\n\r\t\\\"$"}},
		"no substitution":    {"A=1\nB=$A ${A}\nC=\"$A\"", map[string]string{"A": "1", "B": "$A ${A}", "C": "$A"}},
		"several lines":      {"A=\"x\ny\"\nB='\n'", map[string]string{"A": "x\ny", "B": "\n"}},
		"backslash in plain": {`A=C:\dir`, map[string]string{"A": `C:\dir`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dotenv.Parse(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"no value":         {"A=1\nB\n", "line 2: no = after B; write B=VALUE"},
		"bad name":         {"\n2A=1", "line 2: no variable's name; write KEY=VALUE, the key of letters, digits and _"},
		"no name":          {"=1", "line 1: no variable's name; write KEY=VALUE, the key of letters, digits and _"},
		"bad export":       {"export 'A'=1", "line 1: no variable's name; write KEY=VALUE, the key of letters, digits and _"},
		"open quote":       {"A='x\ny", "line 1: A: no closing '; add it at the end of the value"},
		"escaped end":      {`A="x\"`, `line 1: A: no closing "; add it at the end of the value`},
		"text after quote": {`A="x"y`, `line 1: A: text after the closing "; put the whole value in quotes`},
		"unknown escape":   {`A="\q"`, `line 1: A: unknown escape \q; write \\ for a backslash, or use single quotes`},
		"after long value": {"A='\n\n'\nB", "line 4: no = after B; write B=VALUE"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dotenv.Parse(strings.NewReader(test.text))
			if err == nil {
				t.Fatalf("got %q; want an error", got)
			}
			if err.Error() != test.want {
				t.Errorf("the error is\n%s\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestParseBoundsTheSize(t *testing.T) {
	full := "A=" + strings.Repeat("x", dotenv.MaxSize-2)
	if _, err := dotenv.Parse(strings.NewReader(full)); err != nil {
		t.Errorf("a file of MaxSize bytes: %v", err)
	}
	_, err := dotenv.Parse(io.MultiReader(strings.NewReader(full), neverEnds{}))
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("the error is %v; want one that names the bound", err)
	}
}

type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) { return len(p), nil }

func TestParseReportsTheReader(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, err := dotenv.Parse(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("the error is %v; want the reader's", err)
	}
}

func TestLookup(t *testing.T) {
	env := func(key string) (string, bool) {
		value, ok := map[string]string{"BOTH": "env", "EMPTY": ""}[key]
		return value, ok
	}
	lookup := dotenv.Lookup(env, map[string]string{"BOTH": "file", "EMPTY": "file", "FILE": "file"})
	tests := map[string]struct {
		want string
		ok   bool
	}{"BOTH": {"env", true}, "EMPTY": {"", true}, "FILE": {"file", true}, "NEITHER": {"", false}}
	for key, test := range tests {
		if got, ok := lookup(key); got != test.want || ok != test.ok {
			t.Errorf("lookup(%q) = %q, %t; want %q, %t", key, got, ok, test.want, test.ok)
		}
	}
}

// FuzzParse checks that any text parses or is refused with a line that it has, and that
// what was parsed survives being written out and parsed again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "A=1\nexport B = two # c\n", "A='x\ny'\nB=\"\\n\\\"\\$\\\\\"", "A='x", "A=\"\\", "\ufeff\r\nA=\r\n", "export", "= #", "A=a#b #",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := dotenv.Parse(strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Fatalf("the error %q names no line", err)
			}
			return
		}
		again, err := dotenv.Parse(strings.NewReader(write(vars)))
		if err != nil || !maps.Equal(vars, again) {
			t.Fatalf("%q came back as %q, %v", vars, again, err)
		}
	})
}

func write(vars map[string]string) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for key, value := range vars {
		b.WriteString(key + `="` + escape.Replace(value) + "\"\n")
	}
	return b.String()
}
