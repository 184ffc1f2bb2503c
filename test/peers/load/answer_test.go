package main

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

const valueSize = 256

func header(revision uint64) []byte {
	inner := binary.AppendUvarint([]byte{1 << 3, 7, 2 << 3, 9, 3 << 3}, revision)
	return append([]byte{1<<3 | 2, byte(len(inner) + 2)}, append(inner, 4<<3, 2)...)
}

func rangeAnswer(first uint64, keys, count int) []byte {
	message := header(300)
	for i := range keys {
		kv := appendKeyField(nil, 1, first+uint64(i))
		kv = append(kv, 2<<3, 5, 3<<3, 5, 4<<3, 1)
		kv = appendBytesField(kv, 5, make([]byte, valueSize))
		message = appendBytesField(message, 2, kv)
	}
	return binary.AppendUvarint(append(message, 4<<3), uint64(count))
}

func TestARangeAnswerMustHoldExactlyTheKeysAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		wrong   string
	}{
		"as asked":       {rangeAnswer(10, 3, 3), ""},
		"too few":        {rangeAnswer(10, 2, 3), "answered 2 keys"},
		"count differs":  {rangeAnswer(10, 3, 4), "count 4"},
		"another key":    {rangeAnswer(11, 3, 3), "another key"},
		"empty":          {header(300), "answered 0 keys"},
		"no header":      {[]byte{4 << 3, 3}, "without header"},
		"no revision":    {append([]byte{1<<3 | 2, 2, 1 << 3, 7}, 4<<3, 3), "without revision"},
		"cut off":        {rangeAnswer(10, 3, 3)[:200], "does not decode"},
		"value too long": {appendBytesField(header(300), 2, appendBytesField(appendKeyField(nil, 1, 10), 5, make([]byte, 257))), "257 bytes"},
	} {
		revision, wrong := checkRange(c.message, expectation{key: 10, count: 3}, valueSize)
		if c.wrong == "" && (wrong != nil || revision != 300) {
			t.Errorf("%s: revision %d, %v", name, revision, wrong)
		}
		if c.wrong != "" && (wrong == nil || !strings.Contains(wrong.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", name, wrong, c.wrong)
		}
	}
}

func TestATxnAnswerMustSayThatItWrote(t *testing.T) {
	good := append(header(5), 2<<3, 1, 3<<3|2, 0)
	if revision, wrong := checkTxn(good, expectation{}); revision != 5 || wrong != nil {
		t.Errorf("revision %d, %v", revision, wrong)
	}
	if _, wrong := checkTxn(append(header(5), 3<<3|2, 0), expectation{}); wrong == nil {
		t.Error("the else branch passed for a write")
	}
	if _, wrong := checkTxn(nil, expectation{}); wrong == nil {
		t.Error("an empty answer passed")
	}
}

func TestAPutAnswerMustHaveARevision(t *testing.T) {
	if revision, wrong := checkPut(header(1<<40), expectation{}); revision != 1<<40 || wrong != nil {
		t.Errorf("revision %d, %v", revision, wrong)
	}
	for _, message := range [][]byte{nil, {1<<3 | 2, 0}, {1<<3 | 2, 9, 1}} {
		if _, wrong := checkPut(message, expectation{}); wrong == nil {
			t.Errorf("% x passed", message)
		}
	}
}

func TestKeysHave44BytesAndSortLikeTheirIds(t *testing.T) {
	before := ""
	for _, id := range []uint64{0, 9, 10, 1_000_000, keyIdMax - 1} {
		key := string(appendKey(nil, id))
		if len(key) != keyLength || keyLength != 44 || key <= before {
			t.Errorf("%q after %q", key, before)
		}
		before = key
	}
}

func TestAKeySpaceDealsEachKeyOnceInEitherOrder(t *testing.T) {
	for _, hashed := range []bool{false, true} {
		space, seen := keySpace{offset: 1000, size: 3000, hashed: hashed}, map[uint64]bool{}
		for range 3000 {
			id := space.deal()
			if seen[id] || id < 1000 || id >= 4000 {
				t.Fatalf("hashed %t: id %d", hashed, id)
			}
			seen[id] = true
		}
		if space.repeated() != 0 {
			t.Error("counts as repeated what was not")
		}
		if space.deal(); space.repeated() != 1 {
			t.Error("does not count a key that came twice")
		}
	}
}

func TestHeaderMeaningsFollowTheDynamicTable(t *testing.T) {
	var block sink
	encoder, answers := hpack.NewEncoder(&block), newResponseHeaders()
	for call, status := range []string{"0", "0", "14", "14", "0", "0", "5", "0"} {
		block = block[:0]
		if err := encoder.WriteField(hpack.HeaderField{Name: "grpc-status", Value: status}); err != nil {
			t.Fatal(err)
		}
		means, err := answers.decode(block)
		if err != nil || means.grpcStatus != status {
			t.Fatalf("call %d: %v, %v, want %s", call, means, err, status)
		}
		if bad := means.checkClosing() != nil; bad != (status != "0") {
			t.Errorf("call %d: status %s is judged wrongly", call, status)
		}
	}
	if (headersMeaning{}).checkClosing() == nil {
		t.Error("trailers without a status passed")
	}
}

func TestStreamIdsGrowAndAreFoundUntilClosed(t *testing.T) {
	s, luck, last := newStreams(10), newRandom(1), uint32(0)
	var open []*call
	for range 10_000 {
		for s.available() {
			c := s.open(0)
			if c.stream <= last || c.stream%2 != 1 {
				t.Fatalf("stream %d after %d", c.stream, last)
			}
			last, open = c.stream, append(open, c)
		}
		at := 1 + int(luck.below(uint64(len(open)-1))) // the first one stays open, long overtaken
		c := open[at]
		if s.find(c.stream) != c || s.find(open[0].stream) != open[0] {
			t.Fatalf("stream %d is not found", c.stream)
		}
		s.close(c)
		if s.find(c.stream) != nil {
			t.Fatalf("stream %d is found after its end", c.stream)
		}
		open = append(open[:at], open[at+1:]...)
	}
}

func BenchmarkCheckRangeOf1000Keys(b *testing.B) {
	message := rangeAnswer(123_000, 1000, 1000)
	for b.Loop() {
		if _, wrong := checkRange(message, expectation{123_000, 1000}, valueSize); wrong != nil {
			b.Fatal(wrong)
		}
	}
}
