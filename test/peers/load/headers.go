package main

import (
	"strconv"

	"golang.org/x/net/http2/hpack"
)

// headerEncoder writes the header block of each request as grpc-go's client would: the same fields in the same order, and
// the same choices of indexing as golang.org/x/net/http2/hpack's Encoder, byte for byte (a test holds them together).
// It is a model of that encoder that knows beforehand which fields there are, so that a block costs some tens of
// nanoseconds. As with grpc-go, each new grpc-timeout goes into the dynamic table and pushes older entries out, so a server
// cannot answer from a memo of the last block.
type headerEncoder struct {
	before, after []fixedField // around grpc-timeout
	turn          uint64       // which timeout comes next
	timeoutName   uint64       // entry number of the last timeout
	added         uint64       // entries are numbered from 1
	evicted       uint64       // entries up to this number are gone
	size, sizeMax int
	sizes         [entriesMax]int // by entry number
	sizeUpdate    bool
	endless       bool // calls without a deadline
}

const (
	entriesMax       = 256 // above 4096/32, the most entries a table of 4 KiB can hold; a power of two
	tableSizeDefault = 4096
	timeoutCount     = 1 << 14 // far above entriesMax: a value is gone from the table before it comes again
	timeoutStep      = 10_007  // odd, so that each value has its turn
	timeoutName      = "grpc-timeout"
	// RFC 7541 section 4.1
	entryOverhead = 32
)

// timeouts are what calls have left of their deadline: 5 to 15 seconds, all different, ready as HPACK strings.
var timeouts = makeTimeouts()

type fixedField struct {
	static  byte   // index of name and value in the static table, or 0
	literal []byte // as "literal with incremental indexing"
	size    int
	entry   uint64 // latest entry number
}

type timeoutValue struct {
	text   string
	string []byte // as an HPACK string
	size   int
}

func makeTimeouts() []timeoutValue {
	values := make([]timeoutValue, timeoutCount)
	for i := range values {
		// as grpc-go writes it: microseconds, up to eight digits
		text := strconv.Itoa(5_000_000+i*10_000_000/timeoutCount) + "u"
		values[i] = timeoutValue{text, appendHpackString(nil, text), len(timeoutName) + len(text) + entryOverhead}
	}
	return values
}

// newHeaderEncoder makes the encoder of one connection for calls of one method; its timeouts begin at `firstTimeout`.
func newHeaderEncoder(method, authority string, firstTimeout uint64) *headerEncoder {
	e := &headerEncoder{sizeMax: tableSizeDefault, turn: firstTimeout}
	for _, f := range fieldsBefore(method, authority) {
		e.before = append(e.before, newFixedField(f))
	}
	for _, f := range fieldsAfter() {
		e.after = append(e.after, newFixedField(f))
	}
	return e
}

func fieldsBefore(method, authority string) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: method},
		{Name: ":authority", Value: authority},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "user-agent", Value: "grpc-go/1.82.1"},
		{Name: "te", Value: "trailers"},
	}
}

func fieldsAfter() []hpack.HeaderField {
	return []hpack.HeaderField{{Name: "client-api-version", Value: "3.7.1"}}
}

func newFixedField(f hpack.HeaderField) fixedField {
	var once sink
	if err := hpack.NewEncoder(&once).WriteField(f); err != nil {
		panic(err)
	}
	field := fixedField{literal: once, size: int(f.Size())}
	if once[0]&0x80 != 0 {
		field.static = once[0]
	}
	return field
}

type sink []byte

func (s *sink) Write(p []byte) (int, error) { *s = append(*s, p...); return len(p), nil }

// block appends the header block of one request.
func (e *headerEncoder) block(out []byte) []byte {
	if e.sizeUpdate {
		out = appendInteger(out, 0x20, 5, uint64(e.sizeMax))
		e.sizeUpdate = false
	}
	for i := range e.before {
		out = e.fixed(out, &e.before[i])
	}
	if !e.endless {
		out = e.timeout(out, &timeouts[e.turn*timeoutStep%timeoutCount])
		e.turn++
	}
	for i := range e.after {
		out = e.fixed(out, &e.after[i])
	}
	return out
}

func (e *headerEncoder) fixed(out []byte, f *fixedField) []byte {
	if f.static != 0 {
		return append(out, f.static)
	}
	if f.entry > e.evicted {
		return appendInteger(out, 0x80, 7, e.index(f.entry))
	}
	f.entry = e.add(f.size)
	return append(out, f.literal...)
}

func (e *headerEncoder) timeout(out []byte, value *timeoutValue) []byte {
	if e.timeoutName > e.evicted {
		out = appendInteger(out, 0x40, 6, e.index(e.timeoutName))
	} else {
		out = appendHpackString(append(out, 0x40), timeoutName)
	}
	e.timeoutName = e.add(value.size)
	return append(out, value.string...)
}

// index is the HPACK index of a living entry; the newest dynamic one is 62.
func (e *headerEncoder) index(entry uint64) uint64 { return 62 + e.added - entry }

// add puts an entry of `size` into the table, evicts what no longer fits and returns the entry's number.
func (e *headerEncoder) add(size int) uint64 {
	e.added++
	e.sizes[e.added%entriesMax] = size
	e.size += size
	e.evict()
	return e.added
}

func (e *headerEncoder) evict() {
	for e.size > e.sizeMax {
		e.evicted++
		e.size -= e.sizes[e.evicted%entriesMax]
	}
}

// limitTable follows the server's SETTINGS_HEADER_TABLE_SIZE; never above the default, as in grpc-go's client.
func (e *headerEncoder) limitTable(size uint32) {
	if int(size) < e.sizeMax {
		e.sizeMax = int(size)
		e.sizeUpdate = true
		e.evict()
	}
}

func appendHpackString(out []byte, text string) []byte {
	if n := hpack.HuffmanEncodeLength(text); n < uint64(len(text)) {
		out = appendInteger(out, 0x80, 7, n)
		return hpack.AppendHuffmanString(out, text)
	}
	out = appendInteger(out, 0, 7, uint64(len(text)))
	return append(out, text...)
}

// appendInteger appends an integer with an n-bit prefix under `pattern` (RFC 7541 section 5.1).
func appendInteger(out []byte, pattern byte, bits uint, value uint64) []byte {
	limit := uint64(1)<<bits - 1
	if value < limit {
		return append(out, pattern|byte(value))
	}
	out = append(out, pattern|byte(limit))
	for value -= limit; value >= 0x80; value >>= 7 {
		out = append(out, byte(value)|0x80)
	}
	return append(out, byte(value))
}
