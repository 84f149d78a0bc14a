package c2_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
)

// The contracts of one resource and of its clients. Each is a type of its own, with a declaration of its own.
type (
	plain interface {
		Value(ctx context.Context) (int, error)
	}
	v1 interface {
		Value(ctx context.Context) (int, error)
	}
	v12 interface {
		Value(ctx context.Context) (int, error)
	}
	v1beta interface {
		Value(ctx context.Context) (int, error)
	}
	v2 interface {
		Value(ctx context.Context) (int, error)
	}
	elsewhere interface {
		Value(ctx context.Context) (int, error)
	}
	elsewhereV2 interface {
		Value(ctx context.Context) (int, error)
	}
	v1funcs struct {
		Value func(ctx context.Context) (int, error)
	}
	v2funcs struct {
		Value func(ctx context.Context) (int, error)
	}
)

var (
	_ = c2.Contract[v1]("test.value", "1.0.0")
	_ = c2.Contract[v1]("test.value", "1.0.0") // saying it again changes nothing
	_ = c2.Contract[v12]("test.value", "1.2.3+build.7")
	_ = c2.Contract[v1beta]("test.value", "1.0.0-beta.1")
	_ = c2.Contract[v2]("test.value", "2.0.0-rc.1")
	_ = c2.Contract[elsewhere]("test.other", "1.0.0")
	_ = c2.Contract[elsewhereV2]("test.other", "2.0.0")
	_ = c2.Contract[v1funcs]("test.value", "1.9.0")
	_ = c2.Contract[v2funcs]("test.value", "2.0.0")
)

func TestDeclarationsMustAgree(t *testing.T) {
	server := newNode(t)
	register[plain](t, server, "plain", &counter{})
	register[v1](t, server, "v1", &counter{})
	register[v2](t, server, "v2", &counter{})
	client := newNode(t)
	const version, namespace = "the major versions must agree", "is of namespace"
	for _, test := range []struct {
		client   string
		connect  func(name string, opts ...c2.ConnectOption) error
		resource string
		says     []string // nil: they agree
	}{
		{"plain", connecting[plain], "plain", nil},
		{"plain", connecting[plain], "v1", nil},
		{"v1", connecting[v1], "plain", nil},
		{"v1", connecting[v1], "v1", nil},
		{"v12", connecting[v12], "v1", nil},
		{"v1beta", connecting[v1beta], "v1", nil},
		{"v2", connecting[v2], "v2", nil},
		{"v1funcs", connecting[v1funcs], "v1", nil},
		{"v2", connecting[v2], "v1", []string{version, "2.0.0-rc.1", "1.0.0", "c2_test.v2"}},
		{"v1beta", connecting[v1beta], "v2", []string{version, "1.0.0-beta.1", "2.0.0-rc.1"}},
		{"v2funcs", connecting[v2funcs], "v1", []string{version}},
		{"elsewhere", connecting[elsewhere], "v1", []string{namespace, "test.other", "test.value"}},
		{"elsewhereV2", connecting[elsewhereV2], "v1", []string{namespace, version}},
	} {
		for place, opts := range map[string][]c2.ConnectOption{
			"in process": {c2.On(server)},
			"by ipc":     {c2.On(client), c2.At(server.Address())},
		} {
			t.Run(test.client+" to "+test.resource+" "+place, func(t *testing.T) {
				err := test.connect(test.resource, opts...)
				if test.says != nil {
					wantError(t, err, c2.ErrMismatch, test.says...)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func connecting[T any](name string, opts ...c2.ConnectOption) error {
	v, err := c2.Connect[T](context.Background(), name, opts...)
	if err != nil {
		return err
	}
	return c2.Close(v)
}

func TestDeclarationIsInTheDescriptor(t *testing.T) {
	node := newNode(t)
	register[v12](t, node, "v12", &counter{})
	if d := node.Resources()[0]; d.Namespace != "test.value" || d.Version != "1.2.3+build.7" || d.Contract != "v12" {
		t.Errorf("the descriptor is %+v", d)
	}
	if d := c2.Contract[v12]("test.value", "1.2.3+build.7"); d != (c2.Declaration{Namespace: "test.value", Version: "1.2.3+build.7"}) {
		t.Errorf("Contract returns %+v", d)
	}
}

// versioned is a contract of its own for each N, as a declaration holds for as long as the process.
type versioned[N any] interface{ Value() (int, error) }

// declare declares a version and gives what Connect thinks of it.
func declare[N any](node *c2.Node, version string) error {
	c2.Contract[versioned[N]]("test.versioned", version)
	return connecting[versioned[N]]("x", c2.On(node), c2.At("nowhere"))
}

func TestVersions(t *testing.T) {
	node := newNode(t)
	for _, test := range []struct {
		version string
		declare func(node *c2.Node, version string) error
		valid   bool
	}{
		{"0.0.0", declare[[1]int], true},
		{"10.20.30", declare[[2]int], true},
		{"1.0.0-alpha.1+build-5.x", declare[[3]int], true},
		{"1.0.0+001", declare[[4]int], true},
		{"", declare[[5]int], false},
		{"1.2", declare[[6]int], false},
		{"v1.2.3", declare[[7]int], false},
		{"01.2.3", declare[[8]int], false},
		{"1.2.3-", declare[[9]int], false},
		{"1.2.3-a..b", declare[[10]int], false},
		{"1.2.3.4", declare[[11]int], false},
		{"1.2.3\n", declare[[12]int], false},
	} {
		err := test.declare(node, test.version)
		if refused := strings.Contains(err.Error(), "want a semantic version"); refused == test.valid {
			t.Errorf("version %q: %v, want it to be valid: %t", test.version, err, test.valid)
		}
	}
}
