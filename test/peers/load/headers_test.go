package main

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestHeaderBlocksAreThoseOfTheReferenceEncoder(t *testing.T) {
	for _, tableSize := range []uint32{4096, 1000, 200, 0} {
		ours := newHeaderEncoder("/etcdserverpb.KV/Put", "127.0.0.1:2379", newRandom(1))
		luck, twin := newRandom(2), newRandom(2)
		texts := newRandom(1)
		var values []string
		for range timeoutValues {
			values = append(values, timeoutText(5_000_000+texts.below(10_000_000)))
		}
		var want bytes.Buffer
		reference := hpack.NewEncoder(&want)
		if tableSize < 4096 {
			ours.limitTable(tableSize)
			reference.SetMaxDynamicTableSizeLimit(tableSize)
		}
		for call := range 100_000 {
			want.Reset()
			fields := fieldsBefore("/etcdserverpb.KV/Put", "127.0.0.1:2379")
			fields = append(fields, hpack.HeaderField{Name: timeoutName, Value: values[twin.below(timeoutValues)]})
			for _, field := range append(fields, fieldsAfter()...) {
				if err := reference.WriteField(field); err != nil {
					t.Fatal(err)
				}
			}
			got := ours.block(nil, luck)
			if tableSize == 4096 && !bytes.Equal(got, want.Bytes()) {
				t.Fatalf("table %d, call %d: % x, the reference says % x", tableSize, call, got, want.Bytes())
			}
			if tableSize < 4096 && call < 10_000 {
				decodeSame(t, decoderOf(t, tableSize, call), got, want.Bytes())
			}
		}
	}
}

var smallTable struct{ ours, reference *hpack.Decoder }

type decoders struct{ ours, reference *hpack.Decoder }

func decoderOf(t *testing.T, tableSize uint32, call int) decoders {
	t.Helper()
	if call == 0 {
		smallTable.ours, smallTable.reference = hpack.NewDecoder(4096, nil), hpack.NewDecoder(4096, nil)
	}
	return decoders(smallTable)
}

// With a table too small for a field the reference leaves it unindexed where we evict everything: same meaning.
func decodeSame(t *testing.T, d decoders, got, want []byte) {
	t.Helper()
	ours, err := d.ours.DecodeFull(got)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := d.reference.DecodeFull(want)
	if err != nil {
		t.Fatal(err)
	}
	for i := range theirs {
		if ours[i] != theirs[i] {
			t.Fatalf("field %d is %v, want %v", i, ours[i], theirs[i])
		}
	}
}

func BenchmarkHeaderBlock(b *testing.B) {
	e, luck := newHeaderEncoder("/etcdserverpb.KV/Put", "127.0.0.1:2379", newRandom(1)), newRandom(2)
	var out []byte
	for b.Loop() {
		out = e.block(out[:0], luck)
	}
}
