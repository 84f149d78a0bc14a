package codec

// Encoding says where a payload begins, and what travels beside it.
type Encoding struct {
	// Base is the index in dst at which the payload begins, which is where the reader will have
	// memory aligned to 64 bytes. Slices of numbers of 64 bytes and more begin at a multiple of
	// their element's size, counted from there, and transferables with a View at a multiple of
	// 64, so that views of them need not be copies.
	Base int
	// Attach, if it is not nil, is asked for each slice of bytes or numbers, and each list of
	// columns, of 64 bytes and more. What it finds is not copied: the payload has a reference.
	// The attached memory must stay as it is for as long as the payload may be read.
	Attach Attacher
}

// Decoding says what came with a payload, and what becomes of its memory.
type Decoding struct {
	// Attachments is the memory that the payload may refer to, by the indexes that the writer's
	// [Attacher] gave. Where elements do not lie aligned in it, views are copies.
	Attachments [][]byte

	// View says that the caller keeps the payload and its attachments as they are for as long
	// as the value is in use, and will not write to what it holds: byte slices, slices of
	// numbers that lie aligned, and transferables that have a View are left where they are. All
	// else is copied: strings too, for Go takes it that they never change, and they are handed
	// on as if they were numbers.
	View bool

	// Own says that the payload lies in memory of the receiver's own, which the garbage
	// collector frees and nobody else will read or write: byte slices and slices of numbers in
	// it, of 64 KiB and more and aligned, are left where they are. They count as the value's
	// own, have no capacity beyond their length, and keep the whole payload alive. Attached
	// memory is copied all the same, as it may be referred to twice.
	Own bool
}
