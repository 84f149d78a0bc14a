package access_test

import (
	"testing"

	"github.com/ctwo-go/c2/internal/access"
)

func TestByName(t *testing.T) {
	reads := []string{
		"Get", "GetMesh", "GetHTTP", "GetX", "Get2", "Get_x", "Get_", "Get世界", "IsÄ", "Is", "IsOK",
		"List", "HasAny", "FindÉcole", "CountAll", "Len", "Size", "ReadAt", "PeekLast", "DescribeAll",
		"Lookup", "QueryRow", "SearchText", "StatFile", "ShowAll", "ContainsKey", "Exists",
	}
	writes := []string{
		"", "G", "Ge", "Getaway", "Getä", "GETMesh", "getMesh", "Issue", "ISBN", "Hash", "Listen", "Reader",
		"Lens", "State", "Sizes", "Countdown", "LookUp", "Set", "SetGet", "Reset", "Value", "_Get", "ÄGet", "HTTPGet",
		"\xffGet",
	}
	for want, names := range map[access.Access][]string{access.Read: reads, access.Write: writes} {
		for _, name := range names {
			if got := access.ByName(name); got != want {
				t.Errorf("ByName(%q) = %v; want %v", name, got, want)
			}
		}
	}
}
