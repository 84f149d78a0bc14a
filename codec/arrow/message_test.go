package arrow_test

import "encoding/binary"

// messagesOf cuts a stream into its messages; the end of the stream is the last.
func messagesOf(stream []byte) (messages [][]byte) {
	for len(stream) > 0 {
		n := 8 + len(metadataOf(stream))
		n += bodyLength(metadataOf(stream))
		messages = append(messages, stream[:n:n])
		stream = stream[n:]
	}
	return messages
}

func metadataOf(message []byte) []byte {
	return message[8:][:binary.LittleEndian.Uint32(message[4:])]
}

// bodyLength is the fourth field of a message's table.
func bodyLength(meta []byte) int {
	if len(meta) == 0 {
		return 0
	}
	if at := fieldAt(meta, int(binary.LittleEndian.Uint32(meta)), 10); at != 0 {
		return int(binary.LittleEndian.Uint64(meta[at:]))
	}
	return 0
}

// fieldAt is where the field of a flatbuffer's table lies, 0 if there is none.
func fieldAt(b []byte, table, slot int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(b[table:])))
	if slot >= int(binary.LittleEndian.Uint16(b[vtable:])) {
		return 0
	}
	if offset := int(binary.LittleEndian.Uint16(b[vtable+slot:])); offset != 0 {
		return table + offset
	}
	return 0
}
