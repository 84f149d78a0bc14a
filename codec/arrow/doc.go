// Package arrow lets an Apache Arrow record batch stand in a contract: after [Register], arrow-go's
// arrow.RecordBatch is a parameter or a result like any other type.
//
// What is written is an Arrow IPC stream (schema, dictionaries, one record batch, end of stream),
// which any Arrow implementation reads. It goes straight into the memory that the transport gives:
// each buffer of a column is copied once, from where it is to where the peer reads it. Only what
// slices must have made anew (offsets that begin at 0, bitmaps) takes memory in between. As in any
// such stream, a slice carries all the data of the string views, list views and dense unions that it
// is a slice of.
//
// A batch stands wherever the type is arrow.RecordBatch. Inside any it can't be sent: what any holds
// is a type of arrow-go's own.
//
// # Reading
//
// Decoded, a batch is a copy of its own, which costs one copy of the bytes. Under hold (c2.Hold,
// c2.HoldInput) its arrays lie in the peer's memory and no buffer is copied: they may be read until
// the hold is released, and must not be written to. Retain and Release keep their meaning, but a
// Release of such a batch only drops Go's references; its memory belongs to the hold. Memory that
// does not begin at a multiple of 8, or numbers in the other byte order, make it a copy there too.
//
// Strings in a held batch lie in the peer's memory as well: clone those that are kept.
//
// # What is checked
//
// Before a batch is handed out, its schema is bounded (65,536 fields, 64 levels, and no more memory
// than its bytes justify) and its arrays are checked: the sizes of buffers, offsets, the headers of
// views, run ends, union codes, dictionary indices and null counts. No access to an element can
// then leave its array. That reads offsets, indices and bitmaps but no values: nothing at all for
// columns of numbers without nulls, and about half a nanosecond a row for a column of strings. Not
// checked: that strings are UTF-8, and that numbers mean something (times within a day).
//
// A held batch is checked when it is opened. Its memory is shared: a peer that breaks its promise
// and writes to it later can change what is read, and an offset that it changes can make an access
// panic with an index out of range, but never reach outside of the batch. Who holds batches of a
// peer that is not trusted with that should take them without hold.
//
// Refused, because a peer could make them cost far more than they weigh: compressed batches and
// dictionary deltas. So are batches of more than 2^31-1 rows and streams of more than one batch.
// What arrow-go itself can't write or read is an error too: unions inside dictionaries, and slices
// of run-end encoded list views and dense unions.
//
// Columns of an extension type arrive as such where the type is registered with arrow-go, and
// otherwise as what they are stored as.
//
// The package may import package codec and arrow-go, and knows nothing of transports.
package arrow
