package c2_test

import (
	"context"
	"testing"

	"github.com/ctwo-go/c2"
)

// Shelf is a contract whose methods' names read, or don't.
type Shelf interface {
	GetBook(ctx context.Context) error
	Getaway(ctx context.Context) error
	Borrow(ctx context.Context) error
	Value(ctx context.Context) error
}

// shelfMethods implements Shelf for those who embed it.
type shelfMethods struct{}

func (*shelfMethods) GetBook(context.Context) error { return nil }
func (*shelfMethods) Getaway(context.Context) error { return nil }
func (*shelfMethods) Borrow(context.Context) error  { return nil }
func (*shelfMethods) Value(context.Context) error   { return nil }

type (
	untagged struct{ shelfMethods }
	readTag  struct {
		shelfMethods
		_ c2.Policy `read:" Value , Borrow"`
	}
	writeTag struct {
		shelfMethods
		_ c2.Policy `write:"GetBook"`
	}
	twoTags struct {
		shelfMethods
		_ c2.Policy `read:"Value"`
		_ c2.Policy `write:"GetBook"`
	}
	namedField struct {
		shelfMethods
		Policy c2.Policy `read:"Value"`
	}
	embedsTagged  struct{ twoTags }
	embedsPointer struct{ *twoTags }
	overrules     struct {
		twoTags
		_ c2.Policy `read:"GetBook" write:"Value"`
	}
	ownGrandchild struct {
		shelfMethods
		*SelfEmbedding
	}
	SelfEmbedding struct {
		*SelfEmbedding
		_ c2.Policy `read:"Value"`
	}
)

// number is a resource that is no struct.
type number int

func (number) GetBook(context.Context) error { return nil }
func (number) Getaway(context.Context) error { return nil }
func (number) Borrow(context.Context) error  { return nil }
func (number) Value(context.Context) error   { return nil }

// nothing is a resource without state, whose pointers may all be equal.
type nothing struct{ empty }
type empty struct{}

func (empty) GetBook(context.Context) error { return nil }
func (empty) Getaway(context.Context) error { return nil }
func (empty) Borrow(context.Context) error  { return nil }
func (empty) Value(context.Context) error   { return nil }

// byCopy is a resource that is no pointer.
type byCopy struct {
	number
	_ c2.Policy `read:"Value"`
}

// ShelfFuncs is Shelf with tags for all who register under it.
type ShelfFuncs struct {
	GetBook func(ctx context.Context) error `c2:"write"`
	Peek    func(ctx context.Context) error `c2:"read,name=Borrow"`
	Value   func(ctx context.Context) error
}

// accesses tells what the descriptor says of each method.
func accesses(t *testing.T, register func(...c2.RegisterOption) error) map[string]string {
	t.Helper()
	node := newNode(t)
	if err := register(c2.On(node)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range node.Resources()[0].Methods {
		got[m.Name] = m.Access
	}
	return got
}

func TestWhichMethodsRead(t *testing.T) {
	shelf := func(v Shelf) func(...c2.RegisterOption) error {
		return func(opts ...c2.RegisterOption) error { return c2.Register("shelf", v, opts...) }
	}
	funcs := func(v any) func(...c2.RegisterOption) error {
		return func(opts ...c2.RegisterOption) error { return c2.RegisterAs[ShelfFuncs]("shelf", v, opts...) }
	}
	const r, w = "read", "write"
	for name, test := range map[string]struct {
		register func(...c2.RegisterOption) error
		want     map[string]string
	}{
		"by name":                    {shelf(&untagged{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": w}},
		"no struct":                  {shelf(number(1)), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": w}},
		"tagged read":                {shelf(&readTag{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": r, "Value": r}},
		"tagged write":               {shelf(&writeTag{}), map[string]string{"GetBook": w, "Getaway": w, "Borrow": w, "Value": w}},
		"two policies":               {shelf(&twoTags{}), map[string]string{"GetBook": w, "Getaway": w, "Borrow": w, "Value": r}},
		"named field":                {shelf(&namedField{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": r}},
		"value, no pointer":          {shelf(byCopy{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": r}},
		"embedded":                   {shelf(&embedsTagged{}), map[string]string{"GetBook": w, "Getaway": w, "Borrow": w, "Value": r}},
		"embedded pointer":           {shelf(embedsPointer{&twoTags{}}), map[string]string{"GetBook": w, "Getaway": w, "Borrow": w, "Value": r}},
		"embedded, overruled":        {shelf(&overrules{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": w}},
		"embeds itself":              {shelf(&ownGrandchild{}), map[string]string{"GetBook": r, "Getaway": w, "Borrow": w, "Value": r}},
		"struct contract":            {funcs(&untagged{}), map[string]string{"GetBook": w, "Borrow": r, "Value": w}},
		"value's tag before field's": {funcs(&overrules{}), map[string]string{"GetBook": r, "Borrow": r, "Value": w}},
	} {
		t.Run(name, func(t *testing.T) {
			got := accesses(t, test.register)
			for method, want := range test.want {
				if got[method] != want {
					t.Errorf("%s: %q, want %q", method, got[method], want)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("the methods are %v", got)
			}
		})
	}
}

// TestTagsForMethodsThatTheContractLeavesOut: a value may serve several contracts with one tag.
func TestTagsForMethodsThatTheContractLeavesOut(t *testing.T) {
	got := accesses(t, func(opts ...c2.RegisterOption) error {
		return c2.Register[interface{ Borrow(context.Context) error }]("shelf", &readTag{}, opts...)
	})
	if len(got) != 1 || got["Borrow"] != "read" {
		t.Errorf("the methods are %v", got)
	}
}

// TestTwoResourcesOfOneContract: the contract is worked out once, what reads once for each resource.
func TestTwoResourcesOfOneContract(t *testing.T) {
	for want, v := range map[string]Shelf{"read": &readTag{}, "write": &writeTag{}} {
		got := accesses(t, func(opts ...c2.RegisterOption) error { return c2.Register("shelf", v, opts...) })
		if got["Value"] != want {
			t.Errorf("%T: Value is a %s, want %s", v, got["Value"], want)
		}
	}
}

// table is a resource that is a map: copies of it share their state.
type table map[string]int

func (t table) Borrow(context.Context) error { t["borrowed"]++; return nil }

func TestMapsHaveAnIdentity(t *testing.T) {
	node := newNode(t)
	type borrower interface{ Borrow(context.Context) error }
	one, other := table{}, table{}
	register[borrower](t, node, "one", one)
	register[borrower](t, node, "other", other)
	wantError(t, c2.Register[borrower]("again", one, c2.On(node)), c2.ErrInvalid, `"one"`)
	if err := c2.Unregister(t.Context(), "one", c2.On(node)); err != nil {
		t.Fatal(err)
	}
	register[borrower](t, node, "again", one)
}

// TestValuesWithoutIdentity: what has no state to protect may be registered more than once.
func TestValuesWithoutIdentity(t *testing.T) {
	node := newNode(t)
	register[Shelf](t, node, "a", number(1))
	register[Shelf](t, node, "b", number(1))
	stateless := &nothing{}
	register[Shelf](t, node, "c", stateless)
	register[Shelf](t, node, "d", stateless)
	if n := len(node.Resources()); n != 4 {
		t.Errorf("%d resources, want 4", n)
	}
}
