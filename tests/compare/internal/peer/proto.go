package peer

import (
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// tableMessage is the protobuf message of a table. Its tags say what a generated struct would, and the protobuf module treats it
// as one, with the same code for each field:
//
//	message Table {
//	  repeated fixed32 row_id = 1;
//	  repeated double x = 2, y = 3, z = 4;
//	}
type tableMessage struct {
	RowID []uint32  `protobuf:"fixed32,1,rep,packed,name=row_id,json=rowId,proto3"`
	X     []float64 `protobuf:"fixed64,2,rep,packed,name=x,proto3"`
	Y     []float64 `protobuf:"fixed64,3,rep,packed,name=y,proto3"`
	Z     []float64 `protobuf:"fixed64,4,rep,packed,name=z,proto3"`
}

// ProtoReflect makes it a message.
func (m *tableMessage) ProtoReflect() protoreflect.Message {
	return protoadapt.MessageV2Of((*taggedTable)(m)).ProtoReflect()
}

// taggedTable is a tableMessage as the protobuf module reads tags: of messages of its first kind.
type taggedTable tableMessage

func (m *taggedTable) Reset()         { *m = taggedTable{} }
func (m *taggedTable) String() string { return "Table" }
func (*taggedTable) ProtoMessage()    {}

func messageOf(t rows.Table) *tableMessage {
	return &tableMessage{RowID: t.RowID, X: t.X, Y: t.Y, Z: t.Z}
}

func (m *tableMessage) sum() float64 {
	return rows.Table{RowID: m.RowID, X: m.X, Y: m.Y, Z: m.Z}.Sum()
}
