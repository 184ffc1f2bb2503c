package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// keeper renews leases on the sessions of one connection: each session has its share of them and takes them in turn.
type keeper struct {
	c       *connection
	streams []*keptStream
	turn    int
	// fullAt: a session with so many renewals under way gets no more of them.
	fullAt int
	ttl    uint64
	buffer []byte
}

type keptStream struct {
	session *session
	keeper  *keeper
	leases  uint64 // how many
	first   uint64 // the id of the first
	asked   uint64 // renewals, ever
	starts  arrivals
}

const (
	methodLeaseGrant     = "/etcdserverpb.Lease/LeaseGrant"
	methodLeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive"
	// Far more than an open loop ever has under way on a stream.
	renewalsOpenLoopMax = 1 << 16
)

// timedKeepAlive grants the leases, then renews them for o.warmup plus o.duration.
func timedKeepAlive(o options) (outcome, error) {
	granters := o
	granters.connections, granters.streams = 10, 100
	if granted, err := counted(grantWorkload(o), granters, o.leases); err != nil {
		return outcome{}, err
	} else if n := granted.tally.acknowledged(); n != o.leases {
		return outcome{}, fmt.Errorf("%d of %d leases were granted (%v)", n, o.leases, granted.tally.errors)
	}
	r, err := connect(&workload{method: methodLeaseKeepAlive}, o)
	if err != nil {
		return outcome{}, err
	}
	share, first := o.leases/uint64(o.connections*o.streams), o.keyOffset
	for _, c := range r.callers {
		k := &keeper{c: c, fullAt: o.inFlight, ttl: uint64(o.ttl)}
		if r.openLoop {
			k.fullAt = renewalsOpenLoopMax
		}
		for range o.streams {
			s := &keptStream{keeper: k, leases: share, first: first}
			s.session = c.openSession(s.take)
			k.streams, first = append(k.streams, s), first+share
		}
		c.keeper = k
	}
	return r.timed(o, o.streams*o.inFlight)
}

// grantWorkload grants leases with ids from o.keyOffset on.
func grantWorkload(o options) *workload {
	next := o.keyOffset
	return &workload{
		method: methodLeaseGrant,
		requests: func(*random) requestSource {
			return func(out []byte) ([]byte, expectation) {
				out = binary.AppendUvarint(append(out, 1<<3), uint64(o.ttl))
				out = binary.AppendUvarint(append(out, 2<<3), next)
				next++
				return out, expectation{key: next - 1}
			}
		},
		check: func(message []byte, want expectation) (int64, error) {
			revision, id, ttl, err := readLease(message)
			if err == nil && (id != want.key || ttl != uint64(o.ttl)) {
				err = fmt.Errorf("lease %d granted for %d s where %d was asked for", id, ttl, want.key)
			}
			return revision, err
		},
		requestMax: 24,
	}
}

// readLease reads the answer of a grant or of a renewal, which are alike.
func readLease(message []byte) (revision int64, id, ttl uint64, err error) {
	f, err := fields{rest: message}, errNoHeader
	for f.next() {
		switch f.number {
		case 1:
			revision, err = headerRevision(f.bytes)
		case 2:
			id = f.value
		case 3:
			ttl = f.value
		}
	}
	return revision, id, ttl, errors.Join(f.err, err)
}

// pump sends what arrived, on the sessions in turn.
func (k *keeper) pump(now int64) {
	for k.c.queue.length() > 0 {
		s := k.free()
		if s == nil {
			return
		}
		start := k.c.queue.pop()
		if !k.c.mayStart(start, now) {
			continue
		}
		k.buffer = binary.AppendUvarint(append(k.buffer[:0], 1<<3), s.first+s.asked%s.leases)
		s.asked++
		s.starts.push(start)
		s.session.say(k.buffer)
	}
}

func (k *keeper) free() *keptStream {
	for range k.streams {
		s := k.streams[k.turn%len(k.streams)]
		k.turn++
		if s.starts.length() < k.fullAt {
			return s
		}
	}
	return nil
}

func (k *keeper) unanswered() (n int) {
	for _, s := range k.streams {
		n += s.starts.length()
	}
	return n
}

// take reads a LeaseKeepAliveResponse: that of the oldest renewal without an answer.
func (s *keptStream) take(message []byte, now int64) error {
	c, waiting := s.keeper.c, uint64(s.starts.length())
	if waiting == 0 {
		return errors.New("an answer to no renewal")
	}
	revision, id, ttl, err := readLease(message)
	if err != nil {
		return err
	}
	if want := s.first + (s.asked-waiting)%s.leases; id != want || ttl != s.keeper.ttl {
		return fmt.Errorf("lease %d for %d s where %d for %d s was expected", id, ttl, want, s.keeper.ttl)
	}
	c.tally.sawRevision(revision)
	c.count(s.starts.pop(), now)
	c.tally.lastDone = now
	c.run.open--
	if !c.run.openLoop {
		c.queue.push(now)
	}
	return nil
}
