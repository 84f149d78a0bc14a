package access_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/access"
)

var counter = []string{"Increment", "Reset", "Value", "GetTotal", "ListAll"}

func TestResolve(t *testing.T) {
	const r, w = access.Read, access.Write
	tests := map[string]struct {
		tags access.Tags
		want map[string]access.Access
	}{
		"names alone": {
			access.Tags{},
			map[string]access.Access{"Increment": w, "Reset": w, "Value": w, "GetTotal": r, "ListAll": r},
		},
		"a tag adds a read": {
			access.Tags{Read: "Value"},
			map[string]access.Access{"Increment": w, "Reset": w, "Value": r, "GetTotal": r, "ListAll": r},
		},
		"a tag overrules a name": {
			access.Tags{Read: " Value , Reset", Write: "GetTotal"},
			map[string]access.Access{"Increment": w, "Reset": r, "Value": r, "GetTotal": w, "ListAll": r},
		},
		"a blank tag says nothing": {
			access.Tags{Read: "  "},
			map[string]access.Access{"Increment": w, "Reset": w, "Value": w, "GetTotal": r, "ListAll": r},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := access.Resolve("Counter", counter, test.tags)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("got %v; want %v", got, test.want)
			}
		})
	}
}

func TestResolveFaults(t *testing.T) {
	tests := map[string]struct {
		methods []string
		tags    access.Tags
		want    []string
	}{
		"unknown": {
			[]string{"Value", "Reset", "Increment"}, access.Tags{Read: "Foo"},
			[]string{"unknown method Foo in read tag; Counter has Increment, Reset, Value"},
		},
		"nothing to name": {
			nil, access.Tags{Write: "Foo"},
			[]string{"unknown method Foo in write tag; Counter has no methods"},
		},
		"in both": {
			counter, access.Tags{Read: "Value", Write: "Value"},
			[]string{"method Value is in the read and the write tag of Counter; keep one"},
		},
		"twice in one": {
			counter, access.Tags{Write: "Value,Value"},
			[]string{"method Value is twice in the write tag of Counter; name it once"},
		},
		"empty": {
			counter, access.Tags{Read: "Value,"},
			[]string{`empty name in read tag "Value," of Counter; remove the comma`},
		},
		"all at once": {
			[]string{"Value"}, access.Tags{Read: "Value,,Foo", Write: "Value,value"},
			[]string{
				`empty name in read tag "Value,,Foo" of Counter; remove the comma`,
				"unknown method Foo in read tag; Counter has Value",
				"method Value is in the read and the write tag of Counter; keep one",
				"unknown method value in write tag; Counter has Value",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := access.Resolve("Counter", test.methods, test.tags)
			if err == nil {
				t.Fatalf("resolved to %v; want an error", got)
			}
			if want := strings.Join(test.want, "\n"); err.Error() != want {
				t.Errorf("the error is\n%s\nwant\n%s", err, want)
			}
			if got != nil {
				t.Errorf("got %v beside the error; want nil", got)
			}
		})
	}
}

func TestAccessString(t *testing.T) {
	for a, want := range map[access.Access]string{
		access.Write: "write", access.Read: "read", access.Access(7): "access(7)",
	} {
		if got := a.String(); got != want {
			t.Errorf("Access(%d).String() = %q; want %q", uint8(a), got, want)
		}
	}
}
