package main

// call is one stream: a request that was sent and what came back so far.
type call struct {
	stream   uint32
	start    int64 // when it was, or should have been, sent: nanoseconds of the run's clock
	want     expectation
	opened   bool // the response headers came
	answered bool // the message came and was looked at
	revision int64
	wrong    error
	body     []byte   // the message, while it comes in several frames
	received int      // DATA bytes not yet given back to this stream's window
	session  *session // set: a stream that lives on, with many messages
}

// streams holds the calls of a connection: a fixed number of slots, found again by stream id through a small ring, since
// ids only grow and few are open.
type streams struct {
	slots   []call
	free    []int32
	ring    []int32 // slot + 1 by id/2, 0 when nobody is there
	nextId  uint32
	openMax int // SETTINGS_MAX_CONCURRENT_STREAMS of the server
}

func newStreams(count int) streams {
	size := 1
	for size < 4*count {
		size *= 2
	}
	s := streams{slots: make([]call, count), ring: make([]int32, size), nextId: 1, openMax: count}
	for slot := range count {
		s.free = append(s.free, int32(slot))
	}
	return s
}

func (s *streams) inFlight() int { return len(s.slots) - len(s.free) }

func (s *streams) available() bool { return len(s.free) > 0 && s.inFlight() < s.openMax }

func (s *streams) place(id uint32) *int32 { return &s.ring[int(id>>1)&(len(s.ring)-1)] }

// open takes a free slot under the next id whose place in the ring is free; skipped ids are closed by that (RFC 9113
// section 5.1.1).
func (s *streams) open(start int64) *call {
	for *s.place(s.nextId) != 0 {
		s.nextId += 2
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	*s.place(s.nextId) = slot + 1
	c := &s.slots[slot]
	*c = call{stream: s.nextId, start: start, body: c.body[:0]}
	s.nextId += 2
	return c
}

// find is the open call with that id, or nil.
func (s *streams) find(id uint32) *call {
	if slot := *s.place(id); slot != 0 && s.slots[slot-1].stream == id {
		return &s.slots[slot-1]
	}
	return nil
}

func (s *streams) close(c *call) {
	place := s.place(c.stream)
	s.free = append(s.free, *place-1)
	*place = 0
}

// arrivals is a first-in-first-out queue of points in time.
type arrivals struct {
	items []int64
	head  int
}

func (a *arrivals) length() int { return len(a.items) - a.head }

func (a *arrivals) push(at int64) { a.items = append(a.items, at) }

func (a *arrivals) pop() int64 {
	at := a.items[a.head]
	a.head++
	if a.head == len(a.items) {
		a.items, a.head = a.items[:0], 0
	} else if a.head >= 4096 && a.head*2 >= len(a.items) {
		a.items, a.head = a.items[:copy(a.items, a.items[a.head:])], 0
	}
	return at
}
