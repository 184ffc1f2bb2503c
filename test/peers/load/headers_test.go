package main

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

const method, authority = "/etcdserverpb.KV/Put", "127.0.0.1:2379"

func fieldsOf(call uint64) []hpack.HeaderField {
	timeout := timeouts[call*timeoutStep%timeoutCount].text
	fields := append(fieldsBefore(method, authority), hpack.HeaderField{Name: timeoutName, Value: timeout})
	return append(fields, fieldsAfter()...)
}

func TestHeaderBlocksAreByteForByteThoseOfTheReferenceEncoder(t *testing.T) {
	ours := newHeaderEncoder(method, authority, 0)
	var want bytes.Buffer
	reference := hpack.NewEncoder(&want)
	for call := range uint64(3 * timeoutCount) {
		want.Reset()
		for _, field := range fieldsOf(call) {
			if err := reference.WriteField(field); err != nil {
				t.Fatal(err)
			}
		}
		if got := ours.block(nil); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("call %d: % x, the reference says % x", call, got, want.Bytes())
		}
	}
}

func TestHeaderBlocksDecodeToTheFieldsWithATableOfAnySize(t *testing.T) {
	for _, size := range []uint32{0, 60, 200, 1000, 4096, 65536} {
		ours, decoder := newHeaderEncoder(method, authority, 0), hpack.NewDecoder(tableSizeDefault, nil)
		ours.limitTable(size)
		for call := range uint64(5000) {
			got, err := decoder.DecodeFull(ours.block(nil))
			if err != nil {
				t.Fatalf("table %d, call %d: %v", size, call, err)
			}
			for i, want := range fieldsOf(call) {
				if got[i] != want {
					t.Fatalf("table %d, call %d: %v, want %v", size, call, got[i], want)
				}
			}
		}
	}
}

func BenchmarkHeaderBlock(b *testing.B) {
	e := newHeaderEncoder(method, authority, 0)
	var out []byte
	for b.Loop() {
		out = e.block(out[:0])
	}
}
