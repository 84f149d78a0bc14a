package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// A client as docs/wire.md has it, for the tests that hold the page to what nodes do. It knows sockets and bytes only.

const (
	wireCall, wireAnswer, wireChunk, wireCancel, wireGoAway = 1, 2, 3, 4, 5
	wireSegment, wireDrop, wireFree, wireRefuse             = 6, 7, 8, 9
	wireMore, wireAbort, wireRan, wireBlock                 = 1, 2, 4, 8

	wireChunks, wireShared = 1, 2 // capabilities

	wireMagic    = "\x89c2ipc\r\n"
	wireMaxFrame = 256 << 10
)

var littleEndian = binary.LittleEndian

// wireClient is one connection. It is used by one goroutine.
type wireClient struct {
	testing.TB
	conn    *net.UnixConn
	in      io.Reader // conn, or what takes descriptors too, or rings
	out     io.Writer // likewise
	hellos  [2][]byte // the client's and the server's
	lastID  uint64
	ended   map[uint64]*wireEnd
	goAway  []byte      // body of the goaway frame, once there was one
	traffic []wireFrame // both ways

	// Of a client that shares memory; see wireMemory.
	lent   map[wirePlace]int          // how often the node was lent what
	take   func(wireFrame)            // what becomes of kinds 6 to 9
	borrow func(wireReference) []byte // reads memory of the node's
}

// wireEnd is the answer to a call.
type wireEnd struct {
	code        uint16
	ran, block  bool
	total       uint64
	payload     []byte
	refs        []wireReference
	attachments [][]byte
	complete    bool
}

// wireReference is a piece of a segment.
type wireReference struct {
	segment        uint32
	offset, length uint64
}

// wirePlace is where a block begins.
type wirePlace struct {
	segment uint32
	offset  uint64
}

func (r wireReference) place() wirePlace { return wirePlace{r.segment, r.offset} }

const wireReferenceSize = 24

func (r wireReference) append(b []byte) []byte {
	b = littleEndian.AppendUint32(b, r.segment)
	b = littleEndian.AppendUint32(b, 0)
	b = littleEndian.AppendUint64(b, r.offset)
	return littleEndian.AppendUint64(b, r.length)
}

func parseReference(b []byte) wireReference {
	return wireReference{littleEndian.Uint32(b), littleEndian.Uint64(b[8:]), littleEndian.Uint64(b[16:])}
}

type wireFrame struct {
	kind, flags byte
	call        uint64
	body        []byte
	mine        bool // sent by the client
}

func (f wireFrame) bytes() []byte {
	b := littleEndian.AppendUint32(nil, uint32(len(f.body)))
	b = append(b, f.kind, f.flags, 0, 0)
	return append(littleEndian.AppendUint64(b, f.call), f.body...)
}

// wireTransports are the ways that frames may go between a node and a client that shares no memory for payloads.
var wireTransports = map[string]wireDial{"socket": dialWire}

// wireDial connects to a node and shakes hands.
type wireDial func(testing.TB, *c2.Node) *wireClient

// dialWire is a wireDial. It knows nothing of shared memory.
func dialWire(t testing.TB, node *c2.Node) *wireClient {
	t.Helper()
	c := connectWire(t, node.Address())
	c.greet(wireChunks, wireMaxFrame)
	return c
}

func connectWire(t testing.TB, address string) *wireClient {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(address, "ipc://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // a test that would hang fails instead
	return &wireClient{
		TB: t, conn: conn.(*net.UnixConn), in: conn, out: conn, ended: make(map[uint64]*wireEnd), lent: make(map[wirePlace]int),
	}
}

// greet shakes hands.
func (c *wireClient) greet(capabilities uint64, maxFrame uint32) {
	c.Helper()
	hello := wireHello(capabilities, maxFrame)
	c.write(hello)
	c.welcome(hello)
}

// wireHello is what a client says first.
func wireHello(capabilities uint64, maxFrame uint32, extensions ...byte) []byte {
	hello := []byte(wireMagic)
	hello = littleEndian.AppendUint16(hello, 1) // version 1.0
	hello = littleEndian.AppendUint16(hello, 0)
	hello = littleEndian.AppendUint32(hello, uint32(len(extensions)))
	hello = littleEndian.AppendUint64(hello, capabilities)
	hello = append(hello, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	hello = littleEndian.AppendUint64(hello, 4<<30)
	hello = littleEndian.AppendUint32(hello, maxFrame)
	hello = littleEndian.AppendUint32(hello, 0)
	hello = littleEndian.AppendUint32(hello, 4711)
	hello = littleEndian.AppendUint32(hello, 0)
	return append(hello, extensions...)
}

// welcome reads the answer to a hello, and gives its extensions.
func (c *wireClient) welcome(hello []byte) (extensions []byte) {
	c.Helper()
	reply := c.read(64)
	if string(reply[:8]) != wireMagic || littleEndian.Uint16(reply[8:]) != 1 || littleEndian.Uint32(reply[52:]) == 0 {
		c.Fatalf("the server's hello is %x", reply)
	}
	c.hellos = [2][]byte{hello, reply}
	return c.read(int(littleEndian.Uint32(reply[12:])))
}

func (c *wireClient) write(b []byte) {
	c.Helper()
	if _, err := c.out.Write(b); err != nil {
		c.Fatal(err)
	}
}

func (c *wireClient) read(n int) []byte {
	c.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		c.Fatal(err)
	}
	return b
}

func (c *wireClient) send(kind, flags byte, call uint64, body []byte) {
	c.Helper()
	f := wireFrame{kind, flags, call, body, true}
	c.traffic = append(c.traffic, f)
	c.write(f.bytes())
}

// wireRequest is what a call begins with.
type wireRequest struct {
	resource uint64
	method   uint32
	timeout  time.Duration
	args     []byte

	// Of a client that shares memory.
	refs  []wireReference
	block bool // the arguments are the first reference
}

func (r wireRequest) prefix() []byte {
	b := littleEndian.AppendUint64(nil, r.resource)
	b = littleEndian.AppendUint64(b, uint64(r.timeout))
	if r.block {
		b = littleEndian.AppendUint64(b, r.refs[0].length)
	} else {
		b = littleEndian.AppendUint64(b, uint64(len(r.args)))
	}
	b = littleEndian.AppendUint32(b, r.method)
	b = littleEndian.AppendUint16(b, uint16(len(r.refs)))
	b = littleEndian.AppendUint16(b, 0)
	for _, ref := range r.refs {
		b = ref.append(b)
	}
	return b
}

// begin sends the first part of a call, at most so many bytes of its arguments, and gives what is left to send.
func (c *wireClient) begin(r wireRequest, part int) (id uint64, left []byte) {
	c.Helper()
	c.lastID++
	part = min(part, len(r.args))
	flags := byte(0)
	if part < len(r.args) {
		flags = wireMore
	}
	if r.block {
		flags |= wireBlock
	}
	for _, ref := range r.refs {
		c.lent[ref.place()]++
	}
	c.send(wireCall, flags, c.lastID, append(r.prefix(), r.args[:part]...))
	return c.lastID, r.args[part:]
}

// call sends a call in one frame and waits for its answer.
func (c *wireClient) call(r wireRequest) *wireEnd {
	c.Helper()
	id, left := c.begin(r, wireMaxFrame-32)
	if len(left) > 0 {
		c.Fatalf("%d bytes of arguments do not fit a frame", len(r.args))
	}
	return c.await(id)
}

// results is the list that a call must be answered with.
func (c *wireClient) results(r wireRequest) []any {
	c.Helper()
	end := c.call(r)
	if end.code != 0 {
		c.Fatalf("method %d of resource %d: code %d, %q", r.method, r.resource, end.code, end.payload)
	}
	list, _ := parseCBOR(c, end.payload).([]any)
	return list
}

// await reads frames until a call has its answer.
func (c *wireClient) await(id uint64) *wireEnd {
	c.Helper()
	for c.ended[id] == nil || !c.ended[id].complete {
		if f := c.next(); f.kind == wireGoAway {
			c.goAway = f.body
		}
	}
	return c.ended[id]
}

// next reads a frame, and puts it to the answer that it is a part of.
func (c *wireClient) next() wireFrame {
	c.Helper()
	head := c.read(16)
	f := wireFrame{kind: head[4], flags: head[5], call: littleEndian.Uint64(head[8:]), body: c.read(int(littleEndian.Uint32(head)))}
	c.traffic = append(c.traffic, f)
	end := c.ended[f.call]
	part := f.body
	switch f.kind {
	case wireAnswer:
		if end != nil {
			c.Fatalf("call %d is answered twice", f.call)
		}
		end = &wireEnd{
			code: littleEndian.Uint16(part), total: littleEndian.Uint64(part[8:]),
			ran: f.flags&wireRan != 0, block: f.flags&wireBlock != 0,
		}
		c.ended[f.call] = end
		part = c.references(end, littleEndian.Uint16(part[2:]), part[16:])
	case wireChunk:
		if end == nil || end.complete || f.flags&wireAbort != 0 {
			c.Fatalf("a chunk for call %d with flags %d", f.call, f.flags)
		}
	case wireGoAway:
		return f
	default:
		if c.take == nil {
			c.Fatalf("a frame of kind %d", f.kind)
		}
		c.take(f)
		return f
	}
	end.payload = append(end.payload, part...)
	end.complete = f.flags&wireMore == 0
	if end.complete && uint64(len(end.payload)) != end.total {
		c.Fatalf("an answer of %d bytes, %d were announced", len(end.payload), end.total)
	}
	return f
}

// references takes an answer's references off b, and gives the first part of its payload: what follows them, or what the
// first one leads to.
func (c *wireClient) references(end *wireEnd, n uint16, b []byte) (part []byte) {
	c.Helper()
	var memory [][]byte
	for range n {
		r := parseReference(b)
		end.refs, b = append(end.refs, r), b[wireReferenceSize:]
		if c.borrow == nil {
			c.Fatal("an answer with references for a client that knows none")
		}
		memory = append(memory, c.borrow(r))
	}
	if !end.block {
		end.attachments = memory
		return b
	}
	if n == 0 || len(b) > 0 {
		c.Fatalf("an answer by reference with %d of them and %d bytes", n, len(b))
	}
	end.attachments = memory[1:]
	return memory[0]
}

// wireResource is a resource as a client knows it.
type wireResource struct {
	id      uint64
	methods map[string]uint32
}

// resolve asks the directory for a resource.
func (c *wireClient) resolve(name string) wireResource {
	c.Helper()
	out := c.results(wireRequest{resource: 0, method: 0, args: cborList(cborText(name))})
	r := wireResource{id: out[0].(uint64), methods: make(map[string]uint32)}
	methods, _ := out[1].(cborMap).get("methods").([]any)
	for i, m := range methods {
		r.methods[m.(cborMap).get("name").(string)] = uint32(i)
	}
	return r
}

func (r wireResource) request(t testing.TB, method string, args ...[]byte) wireRequest {
	t.Helper()
	index, ok := r.methods[method]
	if !ok {
		t.Fatalf("no method %s among %v", method, r.methods)
	}
	return wireRequest{resource: r.id, method: index, args: cborList(args...)}
}

// failure takes an answer's error apart.
func (e *wireEnd) failure() (names []string, message string) {
	n, rest := littleEndian.Uint16(e.payload), e.payload[2:]
	for range n {
		size := littleEndian.Uint16(rest)
		names, rest = append(names, string(rest[2:2+size])), rest[2+size:]
	}
	return names, string(rest)
}

// The CBOR that the tests need, and no more.

func cborHead(major byte, arg uint64) []byte {
	switch {
	case arg < 24:
		return []byte{major<<5 | byte(arg)}
	case arg < 1<<8:
		return []byte{major<<5 | 24, byte(arg)}
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(arg))
	}
	return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, arg) // longer than need be, which readers take
}

func cborUint(n uint64) []byte  { return cborHead(0, n) }
func cborBytes(b []byte) []byte { return append(cborHead(2, uint64(len(b))), b...) }
func cborText(s string) []byte  { return append(cborHead(3, uint64(len(s))), s...) }
func cborList(items ...[]byte) []byte {
	return append(cborHead(4, uint64(len(items))), bytes.Join(items, nil)...)
}
func cborTagged(tag uint64, item []byte) []byte { return append(cborHead(6, tag), item...) }

// cborTag is an item with a tag.
type cborTag struct {
	number  uint64
	content any
}

// cborMap is a map with text keys, in the order of the wire.
type cborMap []cborPair

type cborPair struct {
	key   string
	value any
}

func (m cborMap) get(key string) any {
	for _, p := range m {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// parseCBOR reads one item, which must be all there is.
func parseCBOR(t testing.TB, b []byte) any {
	t.Helper()
	v, rest := cborItem(t, b)
	if len(rest) > 0 {
		t.Fatalf("%d bytes after the item", len(rest))
	}
	return v
}

func cborItem(t testing.TB, b []byte) (v any, rest []byte) {
	major, info, b := b[0]>>5, b[0]&31, b[1:]
	arg := uint64(info)
	if info >= 24 {
		width := 1 << (info - 24)
		arg = 0
		for _, x := range b[:width] {
			arg = arg<<8 | uint64(x)
		}
		b = b[width:]
	}
	switch major {
	case 0:
		return arg, b
	case 2:
		return b[:arg], b[arg:]
	case 3:
		return string(b[:arg]), b[arg:]
	case 4:
		items := make([]any, arg)
		for i := range items {
			items[i], b = cborItem(t, b)
		}
		return items, b
	case 5:
		m := make(cborMap, arg)
		for i := range m {
			var key any
			key, b = cborItem(t, b)
			m[i].key = key.(string)
			m[i].value, b = cborItem(t, b)
		}
		return m, b
	case 6:
		content, rest := cborItem(t, b)
		return cborTag{arg, content}, rest
	case 7:
		switch info {
		case 20, 21:
			return info == 21, b
		case 22:
			return nil, b
		}
	}
	t.Fatalf("an item of major type %d, argument %d", major, arg)
	return nil, nil
}

// cborDiagnostic writes an item as RFC 8949, section 8, does.
func cborDiagnostic(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = cborDiagnostic(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case cborMap:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = fmt.Sprintf("%q: %s", p.key, cborDiagnostic(p.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// TestWire holds the page to what nodes do, over each transport.
func TestWire(t *testing.T) {
	for transport, dial := range wireTransports {
		for what, test := range map[string]func(*testing.T, wireDial){
			"call":           testWireCall,
			"directory":      testWireDirectory,
			"errors":         testWireErrors,
			"chunks":         testWireChunks,
			"half calls":     testWireHalfCalls,
			"cancel":         testWireCancel,
			"timeout":        testWireTimeout,
			"stale":          testWireStale,
			"optional kinds": testWireOptionalKinds,
			"goaway":         testWireGoAway,
		} {
			t.Run(what+"/"+transport, func(t *testing.T) { test(t, dial) })
		}
	}
}

// labOnWire is a node that hosts the suite, and a client of it.
func labOnWire(t *testing.T, dial wireDial) (*c2.Node, *wireClient, wireResource) {
	t.Helper()
	leaktest.Check(t)
	node := newNode(t)
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	c := dial(t, node)
	return node, c, c.resolve("lab")
}

func testWireCall(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	if out := c.results(lab.request(t, "Plain", cborUint(6), cborUint(7))); !reflect.DeepEqual(out, []any{uint64(13), uint64(42)}) {
		t.Errorf("Plain(6, 7) gives %v", out)
	}
	if out := c.results(lab.request(t, "Nothing")); len(out) != 0 {
		t.Errorf("Nothing() gives %v", out)
	}
}

func testWireDirectory(t *testing.T, dial wireDial) {
	_, c, _ := labOnWire(t, dial)
	out := c.results(wireRequest{resource: 0, method: 1, args: cborList()})
	var names []string
	for _, d := range out[0].([]any) {
		names = append(names, d.(cborMap).get("name").(string))
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "control") || !slices.Contains(names, "lab") {
		t.Errorf("List gives %v", names)
	}
	end := c.call(wireRequest{resource: 0, method: 0, args: cborList(cborText("attic"))})
	if names, _ = end.failure(); end.code != 13 || !reflect.DeepEqual(names, []string{"c2.not_found"}) {
		t.Errorf("Describe of what is not there: code %d, names %q", end.code, names)
	}
	end = c.call(wireRequest{resource: 0, method: 2, args: cborList(cborText("attic"))})
	if names, _ = end.failure(); end.code != 13 || !reflect.DeepEqual(names, []string{"c2.not_found"}) {
		t.Errorf("Stats of what is not there: code %d, names %q", end.code, names)
	}
	figures := c.results(wireRequest{resource: 0, method: 2, args: cborList(cborText("lab"))})[0].(cborMap)
	for _, key := range []string{"name", "since", "calls", "running", "waiting", "methods", "holds", "memory"} {
		if figures.get(key) == nil {
			t.Errorf("Stats gives no %q: %v", key, figures)
		}
	}
	if figures.get("name") != "lab" || figures.get("running") != uint64(0) || len(figures.get("methods").([]any)) == 0 {
		t.Errorf("Stats gives %v", figures)
	}
}

func testWireErrors(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	end := c.call(lab.request(t, "Fail", cborText("overdrawn")))
	names, message := end.failure()
	if end.code != 13 || !reflect.DeepEqual(names, []string{"tests.overdrawn"}) || message != "can't pay 5: the account is overdrawn" {
		t.Errorf("Fail: code %d, names %q, message %q", end.code, names, message)
	}
	end = c.call(lab.request(t, "Panic"))
	if _, message = end.failure(); end.code != 8 || !strings.Contains(message, "the lab is on fire") {
		t.Errorf("Panic: code %d, message %q", end.code, message)
	}
	for what, r := range map[string]wireRequest{
		"too few arguments":   lab.request(t, "Plain", cborUint(6)),
		"too many arguments":  lab.request(t, "Nothing", cborUint(6)),
		"of another type":     lab.request(t, "Plain", cborText("6"), cborUint(7)),
		"no list at all":      {resource: lab.id, method: lab.methods["Nothing"]},
		"bytes after it":      {resource: lab.id, method: lab.methods["Nothing"], args: append(cborList(), 0)},
		"an indefinite array": {resource: lab.id, method: lab.methods["Nothing"], args: []byte{0x9f, 0xff}},
	} {
		if end := c.call(r); end.code != 10 {
			t.Errorf("%s: code %d, want 10", what, end.code)
		}
	}
	if end := c.call(wireRequest{resource: lab.id, method: 999, args: cborList()}); end.code != 1 {
		t.Errorf("a method that is not there: code %d", end.code)
	}
}

// testWireChunks sends 1 MiB in pieces, with a whole call in between, and gets it back in pieces.
func testWireChunks(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	const part = 100_000
	id, left := c.begin(lab.request(t, "Any", cborBytes(data)), part)
	c.send(wireChunk, wireMore, id, nil) // an empty part is one, too
	for n := 0; len(left) > part; n++ {
		c.send(wireChunk, wireMore, id, left[:part])
		left = left[part:]
		if n == 3 {
			c.results(lab.request(t, "Plain", cborUint(1), cborUint(2)))
		}
	}
	c.send(wireChunk, 0, id, left)
	end := c.await(id)
	if end.code != 0 {
		t.Fatalf("code %d, %q", end.code, end.payload)
	}
	out := parseCBOR(t, end.payload).([]any)
	if !bytes.Equal(out[0].([]byte), data) {
		t.Error("other bytes came back")
	}
}

// testWireHalfCalls gives calls up while their arguments are on the way.
func testWireHalfCalls(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	half := lab.request(t, "Any", cborBytes(make([]byte, 1000)))
	id, _ := c.begin(half, 100)
	c.send(wireCancel, 0, id, nil)
	if end := c.await(id); end.code != 11 {
		t.Errorf("a call cancelled before it was complete: code %d, want 11", end.code)
	}
	aborted, _ := c.begin(half, 100)
	c.send(wireChunk, wireAbort, aborted, nil)
	c.results(lab.request(t, "Nothing"))
	if c.ended[aborted] != nil {
		t.Error("an aborted call was answered")
	}
}

func (c *wireClient) waiting(lab wireResource, n uint64) {
	c.Helper()
	await.True(c, fmt.Sprintf("%d calls are in the resource", n), func() bool {
		return c.results(lab.request(c, "Waiting"))[0] == n
	})
}

func testWireCancel(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	id, _ := c.begin(lab.request(t, "Block"), wireMaxFrame)
	c.waiting(lab, 1)
	c.send(wireCancel, 0, id, nil)
	if end := c.await(id); end.code == 0 {
		t.Error("a cancelled call that never returns was answered with a result")
	}
	c.send(wireCancel, 0, id, nil) // too late, and so of no effect
	if out := c.results(lab.request(t, "Endings")); !reflect.DeepEqual(out[0], []any{context.Canceled.Error()}) {
		t.Errorf("the resource saw %v", out[0])
	}
}

func testWireTimeout(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	r := lab.request(t, "Deadline")
	r.timeout = time.Hour
	if left := time.Duration(c.results(r)[0].(uint64)); left > time.Hour || left < 50*time.Minute {
		t.Errorf("an hour arrives as %v", left)
	}
	r = lab.request(t, "Block")
	seen := []any{}
	for r.timeout = time.Millisecond; len(seen) == 0; r.timeout *= 2 { // until the call gets to the resource in time
		if end := c.call(r); end.code == 0 {
			t.Error("a call that never returns was answered with a result")
		}
		seen = c.results(lab.request(t, "Endings"))[0].([]any)
	}
	if !reflect.DeepEqual(seen, []any{context.DeadlineExceeded.Error()}) {
		t.Errorf("the resource saw %v", seen)
	}
}

// testWireStale replaces a resource under a connected client.
func testWireStale(t *testing.T, dial wireDial) {
	node, c, old := labOnWire(t, dial)
	if err := c2.Unregister(t.Context(), "lab", c2.On(node)); err != nil {
		t.Fatal(err)
	}
	if err := c2.Register[Lab]("lab", &lab{}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	if end := c.call(old.request(t, "Nothing")); end.code != 14 {
		t.Errorf("a call of what was withdrawn: code %d, want 14", end.code)
	}
	c.results(c.resolve("lab").request(t, "Nothing"))
}

// testWireOptionalKinds sends what a later version may.
func testWireOptionalKinds(t *testing.T, dial wireDial) {
	_, c, lab := labOnWire(t, dial)
	c.send(0x80, 0xff, 12345, []byte("skip me"))
	c.results(lab.request(t, "Nothing"))
}

func testWireGoAway(t *testing.T, dial wireDial) {
	node, c, lab := labOnWire(t, dial)
	id, _ := c.begin(lab.request(t, "Block"), wireMaxFrame)
	c.waiting(lab, 1)
	down := make(chan error)
	go func() { down <- node.Shutdown(t.Context()) }()
	if f := c.next(); f.kind != wireGoAway || f.call != 0 || littleEndian.Uint16(f.body) != 0 {
		t.Errorf("got a frame of kind %d, %x, want a goaway of code 0", f.kind, f.body)
	}
	if end := c.call(lab.request(t, "Nothing")); end.code != 2 {
		t.Errorf("a call after the goaway: code %d, want 2", end.code)
	}
	c.send(wireCancel, 0, id, nil)
	c.await(id) // calls in flight are answered still
	if n, err := c.in.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %d bytes, %v", n, err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// The page itself.

const wirePage = "../docs/wire.md"

var updateDocs = flag.Bool("update", false, "write the generated parts of the documentation anew")

// wireCounter is the resource of the page's example.
type wireCounter struct {
	_ c2.Policy `read:"Value"`
	n int
}

func (c *wireCounter) Increment(_ context.Context, by int) (int, error) { c.n += by; return c.n, nil }
func (c *wireCounter) Reset(context.Context) error                      { c.n = 0; return nil }
func (c *wireCounter) Value(context.Context) (int, error)               { return c.n, nil }

// TestWireExample has the page's example once more, and compares.
func TestWireExample(t *testing.T) {
	type Counter interface {
		Increment(ctx context.Context, by int) (int, error)
		Reset(ctx context.Context) error
		Value(ctx context.Context) (int, error)
	}
	leaktest.Check(t)
	node := newNode(t)
	if err := c2.Register[Counter]("counter", &wireCounter{n: 100}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	c := dialWire(t, node)
	counter := c.resolve("counter")
	r := counter.request(t, "Increment", cborUint(10))
	r.timeout = 5 * time.Second
	if out := c.results(r); out[0] != uint64(110) {
		t.Fatalf("Increment(10) gives %v", out)
	}
	comparePage(t, "```conversation\n", c.conversation(counter.id))
}

// comparePage compares a block of the page, which begins with fence, with what it must be.
func comparePage(t *testing.T, fence, want string) {
	t.Helper()
	page, err := os.ReadFile(wirePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(page), fence)
	got, after, ok := strings.Cut(rest, "```\n")
	switch {
	case !ok:
		t.Fatalf("%s has no block %q", wirePage, fence)
	case *updateDocs && got != want:
		if err := os.WriteFile(wirePage, []byte(before+fence+want+"```\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("the example is another one; if the wire format is to change, run with -update. It is now:\n%s", want)
	}
}

// conversation writes down all that was sent, with fixed numbers in the place of random ones.
func (c *wireClient) conversation(id uint64) string {
	var b strings.Builder
	hellos := [2][]byte{c.hellos[0], bytes.Clone(c.hellos[1])}
	for i := range 16 {
		hellos[1][24+i] = 0xa0 + byte(i) // instance
	}
	littleEndian.PutUint32(hellos[1][56:], 4712) // process id
	for i, who := range []string{"client", "server"} {
		fmt.Fprintf(&b, "%s: hello\n", who)
		hello := hellos[i]
		hello = hello[hexFields(&b, hello, 8, 2, 2, 4, 8):]
		hello = hello[hexFields(&b, hello, 16, 8):]
		hexFields(&b, hello, 4, 4, 4, 4)
	}
	for _, f := range withFixedID(c.traffic, id) {
		b.WriteString("\n")
		c.writeFrame(&b, f)
	}
	return b.String()
}

// withFixedID replaces the random id of a resource in frames.
func withFixedID(frames []wireFrame, id uint64) []wireFrame {
	const fixed = 0x1122334455667788
	replace := strings.NewReplacer(
		string(littleEndian.AppendUint64(nil, id)), string(littleEndian.AppendUint64(nil, fixed)),
		string(binary.BigEndian.AppendUint64(nil, id)), string(binary.BigEndian.AppendUint64(nil, fixed)),
	)
	frames = slices.Clone(frames)
	for i := range frames {
		frames[i].body = []byte(replace.Replace(string(frames[i].body)))
	}
	return frames
}

// writeFrame writes a frame down, and what its payload means.
func (c *wireClient) writeFrame(b *strings.Builder, f wireFrame) {
	who := "server"
	if f.mine {
		who = "client"
	}
	frame := f.bytes()
	fields := func(sizes ...int) { frame = frame[hexFields(b, frame, sizes...):] }
	references := func(n uint16) {
		for range n {
			fields(4, 4, 8, 8)
		}
	}
	head := []int{4, 1, 1, 2, 8}
	switch f.kind {
	case wireCall:
		fmt.Fprintf(b, "%s: call %d\n", who, f.call)
		fields(head...)
		fields(8, 8, 8, 4, 2, 2)
		references(littleEndian.Uint16(f.body[28:]))
	case wireAnswer:
		fmt.Fprintf(b, "%s: answer to call %d\n", who, f.call)
		fields(head...)
		fields(2, 2, 4, 8)
		references(littleEndian.Uint16(f.body[2:]))
	case wireSegment:
		fmt.Fprintf(b, "%s: segment, with its descriptor\n", who)
		fields(head...)
		fields(4, 1, 3, 8)
	case wireFree:
		fmt.Fprintf(b, "%s: free\n", who)
		for fields(head...); len(frame) > 0; {
			fields(4, 4, 8)
		}
	default:
		c.Fatalf("a frame of kind %d", f.kind)
	}
	if len(frame) == 0 {
		return
	}
	meaning := cborDiagnostic(parseCBOR(c, frame))
	for len(frame) > 0 {
		fields(min(len(frame), 40))
	}
	wrapText(b, meaning, 96)
}

// wrapText writes what the bytes above it mean, in lines of at most so many characters where there are spaces.
func wrapText(b *strings.Builder, text string, width int) {
	line := "  ="
	for word := range strings.SplitSeq(text, " ") {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "   "
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// hexFields writes the beginning of data as a line of hexadecimal, cut into fields of the given sizes, and gives its length.
func hexFields(b *strings.Builder, data []byte, sizes ...int) (length int) {
	b.WriteString(" ")
	for _, n := range sizes {
		fmt.Fprintf(b, " %x", data[length:length+n])
		length += n
	}
	b.WriteString("\n")
	return length
}

// TestWirePageQuotesGoldens compares the page's table of values with what the codec is held to.
func TestWirePageQuotesGoldens(t *testing.T) {
	file, err := os.ReadFile("../codec/testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	golden := make(map[string]string)
	for line := range strings.Lines(string(file)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 4 {
			golden[cells[0]] = strings.Join(cells[1:], " | ")
		}
	}
	rows := wireTable(t, "| value | Go type | in Go | bytes |")
	for _, row := range rows {
		want, ok := golden[row[0]]
		if got := strings.Join(row[1:], " | "); !ok || got != want {
			t.Errorf("%s is said to be\n%s, the codec has\n%s", row[0], got, want)
		}
	}
	if len(rows) < 45 {
		t.Errorf("%d values are quoted, want at least 45", len(rows))
	}
}

// TestWirePageListsCodes compares the page's table of codes with the code's own names.
func TestWirePageListsCodes(t *testing.T) {
	rows := wireTable(t, "| code | name | means |")
	for i, row := range rows {
		if want := c2.Code(i); row[0] != fmt.Sprint(i) || row[1] != want.String() {
			t.Errorf("row %d is of code %s, %s, want %d, %s", i, row[0], row[1], i, want)
		}
	}
	if next := c2.Code(len(rows)); next.String() != fmt.Sprintf("code %d", len(rows)) {
		t.Errorf("code %d, %s, is not in the table", len(rows), next)
	}
}

// wireTable gives the cells of the page's table with that header, without the backquotes.
func wireTable(t *testing.T, header string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile(wirePage)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "\n"+header+"\n")
	if !ok {
		t.Fatalf("%s has no table %s", wirePage, header)
	}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "| -") {
			continue
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "| "), " | ") {
			row = append(row, strings.Trim(cell, "`"))
		}
		rows = append(rows, row)
	}
	return rows
}
