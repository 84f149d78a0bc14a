package arrow_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// tags are lists of strings with a meaning, as an extension type.
type tags struct{ arrow.ExtensionBase }

type tagsArray struct{ array.ExtensionArrayBase }

func newTags() *tags {
	return &tags{arrow.ExtensionBase{Storage: arrow.ListOf(arrow.BinaryTypes.String)}}
}

func (*tags) ArrayType() reflect.Type                    { return reflect.TypeFor[tagsArray]() }
func (*tags) ExtensionName() string                      { return "test.tags" }
func (*tags) ExtensionEquals(o arrow.ExtensionType) bool { return o.ExtensionName() == "test.tags" }
func (*tags) Serialize() string                          { return "v1" }

func (t *tags) Deserialize(storage arrow.DataType, data string) (arrow.ExtensionType, error) {
	if data != "v1" || !arrow.TypeEqual(storage, t.Storage) {
		return nil, fmt.Errorf("no tags: %v, %q", storage, data)
	}
	return newTags(), nil
}

func TestExtensionTypes(t *testing.T) {
	if err := arrow.RegisterExtensionType(newTags()); err != nil {
		t.Fatal(err)
	}
	storage := arrayOf(rand.New(rand.NewPCG(19, 1)), newTags().Storage, 50)
	schema := arrow.NewSchema([]arrow.Field{{Name: "t", Type: newTags(), Nullable: true}}, nil)
	rec := array.NewRecordBatch(schema, []arrow.Array{array.NewExtensionArrayWithStorage(newTags(), storage)}, 50)
	roundTrip(t, rec)
	roundTrip(t, rec.NewSlice(5, 30))
	item := encode(t, rec)
	if err := arrow.UnregisterExtensionType("test.tags"); err != nil {
		t.Fatal(err)
	}
	got, err := view(item)
	if err != nil {
		t.Fatal(err)
	}
	if !array.Equal(got.Column(0), storage) {
		t.Errorf("without its type, the column is %v", got.Column(0))
	}
}
