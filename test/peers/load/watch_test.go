package main

import (
	"encoding/binary"
	"strings"
	"testing"
)

// lone is a fan-out over two keys with a watch on each, and one put of each under way.
func lone() (*fanout, []watch) {
	r := &run{warmEnd: 0, end: unlimited, openLoop: true}
	f := &fanout{run: r, keys: keySpace{offset: 10, size: 2}, each: 1, puts: make([]putState, putsUnderWayMax)}
	r.fanout = f
	source := f.workload(16).requests(newRandom(1))
	for range 2 {
		_, want := source(nil)
		f.sent(want.key, 0, nil)
	}
	return f, []watch{{key: 10}, {key: 11}}
}

func eventOf(id, key, revision, version, put uint64) []byte {
	kv := appendKeyField(nil, 1, key)
	kv = binary.AppendUvarint(append(kv, 3<<3), revision)
	kv = binary.AppendUvarint(append(kv, 4<<3), version)
	kv = appendBytesField(kv, 5, append(binary.LittleEndian.AppendUint64(nil, put), make([]byte, 8)...))
	message := binary.AppendUvarint(append(header(revision), 2<<3), id)
	return appendBytesField(message, 11, appendBytesField(nil, 2, kv))
}

func TestAPutIsOverWhenItIsAcknowledgedAndAllItsEventsAreThere(t *testing.T) {
	f, watches := lone()
	if err := f.take(watches, eventOf(1, 11, 6, 1, 1), 5); err != nil || f.owed != 2 {
		t.Fatal(err, f.owed)
	}
	f.acknowledged(1, 6)
	f.acknowledged(0, 6)
	if f.owed != 1 || f.run.isIdle() {
		t.Fatal("over without its event", f.owed)
	}
	if err := f.take(watches, eventOf(0, 10, 5, 1, 0), 7); err != nil || !f.run.isIdle() || f.measured != 2 {
		t.Fatal(err, f.owed, f.measured)
	}
}

func TestAnEventThatDoesNotFollowTheLastOneIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		messages [][]byte
		wrong    string
	}{
		"twice":       {[][]byte{eventOf(0, 10, 5, 1, 0), eventOf(0, 10, 5, 1, 0)}, "came after version 1"},
		"one missing": {[][]byte{eventOf(0, 10, 6, 2, 0)}, "version 2"},
		"other key":   {[][]byte{eventOf(0, 11, 5, 1, 1)}, "another key"},
		"other watch": {[][]byte{eventOf(2, 10, 5, 1, 0)}, "event of watch 2"},
		"no put":      {[][]byte{eventOf(0, 10, 5, 1, 7)}, "no put under way"},
		"a deletion":  {[][]byte{appendBytesField(nil, 11, []byte{1 << 3, 1})}, "is no put"},
		"cancelled":   {[][]byte{append(header(5), 4<<3, 1)}, "cancelled"},
		"cut off":     {[][]byte{eventOf(0, 10, 5, 1, 0)[:60]}, "does not decode"},
	} {
		f, watches := lone()
		var err error
		for _, message := range c.messages {
			if err == nil {
				err = f.take(watches, message, 5)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}

func TestMessagesOfASessionAreReadHoweverTheyAreCut(t *testing.T) {
	var stream []byte
	for size := range 40 {
		stream = binary.BigEndian.AppendUint32(append(stream, 0), uint32(size))
		stream = append(stream, make([]byte, size)...)
	}
	for cut := 1; cut < 50; cut++ {
		next := 0
		s := &session{take: func(message []byte, _ int64) error {
			if len(message) != next {
				t.Fatalf("cut %d: %d bytes instead of %d", cut, len(message), next)
			}
			next++
			return nil
		}}
		c := &call{}
		for at := 0; at < len(stream); at += cut {
			if err := s.data(c, stream[at:min(len(stream), at+cut)], 0); err != nil {
				t.Fatal(err)
			}
		}
		if next != 40 {
			t.Fatalf("cut %d: %d messages", cut, next)
		}
	}
}

func TestASessionSendsNoMoreThanItsWindows(t *testing.T) {
	c := &connection{run: &run{}, sendWindow: 12, streams: newStreams(1)}
	call := c.streams.open(0)
	s := &session{c: c, stream: call.stream, window: 8}
	call.session, c.sessions = s, []*session{s}
	s.say(make([]byte, 20))
	if len(c.out) != frameHeaderBytes+8 || len(s.waits) != 17 {
		t.Fatal(len(c.out), len(s.waits))
	}
	c.widen(call.stream, 100)
	if c.sendWindow != 0 || len(s.waits) != 13 {
		t.Fatal(c.sendWindow, len(s.waits))
	}
	if c.widen(0, 100); len(s.waits) != 0 || s.window != 100-17 {
		t.Fatal(len(s.waits), s.window)
	}
}

func TestARenewalsAnswerMustBeThatOfTheOldestOne(t *testing.T) {
	answer := func(id, ttl byte) []byte { return append(header(5), 2<<3, id, 3<<3, ttl) }
	for name, c := range map[string]struct {
		answers [][]byte
		wrong   string
	}{
		"in order":     {[][]byte{answer(7, 60), answer(8, 60), answer(7, 60)}, ""},
		"out of order": {[][]byte{answer(8, 60)}, "lease 8"},
		"not the ttl":  {[][]byte{answer(7, 59)}, "for 59 s"},
		"expired":      {[][]byte{append(header(5), 2<<3, 7)}, "for 0 s"},
		"one too many": {[][]byte{answer(7, 60), answer(8, 60), answer(7, 60), answer(8, 60)}, "no renewal"},
	} {
		connection := &connection{run: &run{openLoop: true, end: unlimited}, tally: newTally(), streams: newStreams(1), sendWindow: 1000}
		k := &keeper{c: connection, fullAt: 100, ttl: 60}
		s := &keptStream{keeper: k, leases: 2, first: 7}
		s.session = &session{c: connection, stream: 1, window: 1000}
		k.streams, connection.keeper = []*keptStream{s}, k
		for range 3 {
			connection.queue.push(0)
		}
		connection.pump(0)
		var err error
		for _, message := range c.answers {
			if err == nil {
				err = s.take(message, 1)
			}
		}
		if (c.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}
