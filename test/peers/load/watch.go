package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// fanout is what a watch run knows of its puts and of the events that must follow from them. A put carries its number in
// its value. Each watch must see every version of its key once, in order.
type fanout struct {
	run      *run
	keys     keySpace // dealt in turn
	each     int      // events of one put
	puts     []putState
	owed     int // puts whose acknowledgement or events are not all there
	released []*connection

	watches, created int
	createdIn        int64 // nanoseconds from the first request to the last answer

	warmup, measured, drained uint64 // events
	latency                   histogram
}

// putState: of a put under way.
type putState struct {
	number uint64
	start  int64
	owed   int // events, and the acknowledgement
	c      *connection
}

// watch is one watch of a stream, whose id is its place there.
type watch struct {
	key      uint64
	version  uint64 // of the last event
	revision uint64
}

const (
	putsUnderWayMax = 1 << 16 // a power of two
	createTimeout   = 120 * time.Second
	methodWatch     = "/etcdserverpb.Watch/Watch"
)

// timedWatch opens the watches, then puts for o.warmup plus o.duration. In a closed loop a connection puts again when all
// events of a put are there.
func timedWatch(o options) (outcome, error) {
	f := &fanout{watches: o.connections * o.streams * o.watches, puts: make([]putState, putsUnderWayMax)}
	f.keys = keySpace{offset: o.keyOffset, size: o.watchKeys}
	f.each = f.watches / int(o.watchKeys)
	putters := o
	putters.connections, putters.streams = o.putConnections, o.putStreams
	r, err := connect(f.workload(o.valueSize), putters)
	if err != nil {
		return outcome{}, err
	}
	r.fanout, f.run = f, r
	if err := f.open(o); err != nil {
		r.finish()
		return outcome{}, err
	}
	result, err := r.timed(putters, o.putStreams)
	if f.owed > 0 {
		result.tally.errors["a put without all its events"] += uint64(f.owed)
	}
	result.fanout = f
	return result, err
}

// open creates the watches and waits until all of them are there.
func (f *fanout) open(o options) error {
	watchers, err := f.run.dial(&workload{method: methodWatch}, o)
	if err != nil {
		return err
	}
	begin, index := f.run.now(), uint64(0)
	var message, inner []byte
	for _, c := range watchers {
		for range o.streams {
			watches := make([]watch, o.watches)
			s := c.openSession(func(message []byte, now int64) error { return f.take(watches, message, now) })
			for i := range watches {
				watches[i].key = f.keys.offset + index%f.keys.size
				index++
				inner = appendKeyField(inner[:0], 1, watches[i].key)
				message = appendBytesField(message[:0], 1, inner)
				s.say(message)
			}
		}
		c.flush()
	}
	for f.created < f.watches {
		if f.run.now() > begin+int64(createTimeout) {
			return fmt.Errorf("%d of %d watches were created", f.created, f.watches)
		}
		for _, c := range watchers {
			if c.closed != nil {
				return c.closed
			}
		}
		if err := f.run.loop.poll(pollMax); err != nil {
			return err
		}
	}
	f.createdIn = f.run.now() - begin
	return nil
}

// workload puts over the keys in turn; the first eight bytes of a value are the number of the put.
func (f *fanout) workload(valueSize int) *workload {
	return &workload{
		method: methodPut,
		requests: func(luck *random) requestSource {
			return func(out []byte) ([]byte, expectation) {
				number := f.keys.dealt
				out = appendPut(out, f.keys.deal(), valueSize, luck)
				binary.LittleEndian.PutUint64(out[len(out)-valueSize:], number)
				return out, expectation{key: number}
			}
		},
		check:      checkPut,
		requestMax: putSize(valueSize),
		writes:     true,
	}
}

func (f *fanout) put(number uint64) *putState { return &f.puts[number%putsUnderWayMax] }

func (f *fanout) sent(number uint64, start int64, c *connection) {
	*f.put(number) = putState{number, start, f.each + 1, c}
	f.owed++
}

func (f *fanout) acknowledged(number uint64, now int64) { f.arrived(f.put(number), now) }

// arrived: one thing less is owed to a put. The last one makes room for the next put.
func (f *fanout) arrived(put *putState, now int64) {
	if put.owed--; put.owed > 0 {
		return
	}
	f.owed--
	if !f.run.openLoop {
		put.c.queue.push(now)
		f.released = append(f.released, put.c)
	}
}

// next sends the puts that were made room for.
func (f *fanout) next() {
	now := f.run.now()
	for _, c := range f.released {
		if c.queue.length() > 0 && c.closed == nil {
			c.pump(now)
			c.flush()
		}
	}
	f.released = f.released[:0]
}

// take reads a WatchResponse.
func (f *fanout) take(watches []watch, message []byte, now int64) error {
	r, id, created := fields{rest: message}, uint64(0), false
	for r.next() {
		switch r.number {
		case 2:
			id = r.value
		case 3:
			created = r.value == 1
		case 4, 5:
			return errors.New("a watch was cancelled")
		case 11:
			if id >= uint64(len(watches)) {
				return fmt.Errorf("an event of watch %d", id)
			}
			if err := f.event(&watches[id], r.bytes, now); err != nil {
				return err
			}
		}
	}
	if created {
		f.created++
	}
	return r.err
}

// event reads an Event, which must be the put that follows the last one of its key.
func (f *fanout) event(w *watch, event []byte, now int64) error {
	e := fields{rest: event}
	for e.next() {
		if e.number != 2 {
			return errors.New("an event that is no put")
		}
		if err := f.keyValue(w, e.bytes, now); err != nil {
			return err
		}
	}
	return e.err
}

func (f *fanout) keyValue(w *watch, kv []byte, now int64) error {
	var buffer [keyLength]byte
	key, version, revision, value := false, uint64(0), uint64(0), []byte(nil)
	r := fields{rest: kv}
	for r.next() {
		switch r.number {
		case 1:
			key = string(r.bytes) == string(appendKey(buffer[:0], w.key))
		case 3:
			revision = r.value
		case 4:
			version = r.value
		case 5:
			value = r.bytes
		}
	}
	switch {
	case r.err != nil:
		return r.err
	case !key:
		return errors.New("an event of another key than is watched")
	case version != w.version+1 || revision <= w.revision:
		return fmt.Errorf("version %d, revision %d came after version %d, revision %d", version, revision, w.version, w.revision)
	case len(value) < 8:
		return errors.New("an event without the value that was put")
	}
	put := f.put(binary.LittleEndian.Uint64(value))
	if put.number != binary.LittleEndian.Uint64(value) || put.owed == 0 {
		return errors.New("an event of no put under way")
	}
	w.version, w.revision = version, revision
	f.count(put.start, now)
	f.arrived(put, now)
	return nil
}

func (f *fanout) count(start, now int64) {
	switch {
	case now < f.run.warmEnd:
		f.warmup++
	case now >= f.run.end:
		f.drained++
	default:
		f.measured++
		f.latency.record(uint64(max(0, now-start)) / 1000)
	}
}
