package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// connection is one HTTP/2 connection with a fixed number of streams in flight: what arrives is checked and the next
// requests are encoded right behind it, so a chunk of answers costs one read and one write. Only the loop (loop.go) calls
// it, from one thread. The streams themselves are in streams.go.
type connection struct {
	run     *run
	work    *workload
	target  string
	source  requestSource
	fd      int
	secure  *secured // nil: plain
	headers *headerEncoder
	answers *responseHeaders
	luck    *random

	in       []byte // its first `have` bytes are the beginning of a frame
	have     int
	out      []byte // encoded; its first `written` bytes are written
	written  int
	blocked  bool // the socket takes no more; the loop waits for room
	streams  streams
	sessions []*session // streams that live on
	keeper   *keeper    // set: what arrives are renewals of leases, sent on sessions
	queue    arrivals   // intended starts (run clock) that wait for a free stream
	closed   error
	tally    tally

	sendWindow   int64 // what flow control lets us send on the connection
	streamWindow int64 // SETTINGS_INITIAL_WINDOW_SIZE of the server
	unreturned   int   // received DATA bytes not yet given back by WINDOW_UPDATE
	greeted      bool  // the server's first SETTINGS came
	partial      headerBlock
}

// headerBlock gathers HEADERS and its CONTINUATION frames.
type headerBlock struct {
	stream uint32
	flags  byte
	bytes  []byte
}

const (
	readBufferBytes      = 256 << 10
	connectionWindow     = 64 << 20
	streamWindowOffered  = 4 << 20
	defaultWindow        = 65535
	connectTimeout       = 5 * time.Second
	connectionWindowBack = connectionWindow / 4
)

var errFinished = errors.New("finished")

// dial opens a connection, makes it non-blocking and queues what a client says first.
func dial(r *run, work *workload, target string, streams int) (*connection, error) {
	fd, err := openSocket(target)
	if err != nil {
		return nil, err
	}
	var over *secured
	if r.tls != nil {
		over, err = secure(fd, target, r.tls)
	}
	if err = errors.Join(err, syscall.SetNonblock(fd, true)); err != nil {
		_ = syscall.Close(fd) // the first error says it all
		return nil, err
	}
	r.dialled++
	seed := r.seed + r.dialled
	c := &connection{
		run: r, work: work, target: target, fd: fd, secure: over, luck: newRandom(seed), in: make([]byte, readBufferBytes),
		headers: newHeaderEncoder(work.method, target, seed*997), answers: newResponseHeaders(),
		streams: newStreams(streams), tally: newTally(), sendWindow: defaultWindow, streamWindow: defaultWindow,
	}
	if work.requests != nil {
		c.source = work.requests(c.luck)
	} else {
		c.headers.endless = true
	}
	c.out = append(c.out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	c.out = appendFrameHeader(c.out, 6, frameSettings, 0, 0)
	c.out = binary.BigEndian.AppendUint32(append(c.out, 0, settingInitialWindow), streamWindowOffered)
	c.out = appendWindowUpdate(c.out, 0, connectionWindow-defaultWindow)
	return c, nil
}

func openSocket(target string) (int, error) {
	address, err := net.ResolveTCPAddr("tcp4", target)
	if err != nil {
		return 0, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	peer := &syscall.SockaddrInet4{Port: address.Port}
	copy(peer.Addr[:], address.IP.To4())
	err = errors.Join(
		syscall.Connect(fd, peer),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
	)
	if err != nil {
		_ = syscall.Close(fd) // the first error says it all
	}
	return fd, err
}

// usable says why no request can be sent on a connection that was just opened, or nil.
func (c *connection) usable() error {
	switch {
	case c.closed != nil:
		return c.closed
	case !c.greeted:
		return errors.New("the server sent no SETTINGS")
	case c.streamWindow < int64(c.work.requestMax+messagePrefix):
		return fmt.Errorf("the server's stream window of %d bytes is smaller than a request", c.streamWindow)
	}
	return nil
}

// readable takes what the socket has: once, and all of it over TLS, where a part may already be in memory.
func (c *connection) readable() {
	for {
		room := c.in[c.have:]
		n, err := c.read(room)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
			c.flush()
			return
		case err != nil:
			c.fail(err)
			return
		case n == 0:
			c.fail(errors.New("EOF"))
			return
		}
		isFull := n == len(room)
		n += c.have
		used, err := c.chunk(c.in[:n])
		if err != nil {
			c.fail(err)
			return
		}
		c.have = copy(c.in, c.in[used:n])
		if c.secure == nil || !isFull || c.closed != nil {
			c.flush()
			return
		}
	}
}

func (c *connection) read(into []byte) (int, error) {
	if c.secure != nil {
		return c.secure.read(into)
	}
	return syscall.Read(c.fd, into)
}

// flush writes what gathered; what the socket does not take waits until it has room.
func (c *connection) flush() {
	out, written := &c.out, &c.written
	if s := c.secure; s != nil {
		if err := s.seal(c.out); err != nil {
			c.fail(err)
			return
		}
		c.out = c.out[:0]
		out, written = &s.wire.sealed, &s.wire.written
	}
	for *written < len(*out) && c.closed == nil {
		n, err := syscall.Write(c.fd, (*out)[*written:])
		if n > 0 {
			*written += n
		}
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			c.run.loop.awaitRoom(c, true)
			return
		default:
			c.fail(err)
			return
		}
	}
	*out, *written = (*out)[:0], 0
	c.run.loop.awaitRoom(c, false)
}

// chunk handles the whole frames in `bytes` and returns how much that was.
func (c *connection) chunk(bytes []byte) (used int, err error) {
	now := c.run.now()
	for len(bytes)-used >= frameHeaderBytes {
		f := parseFrameHeader(bytes[used:])
		if f.length > frameBytesMax {
			return used, fmt.Errorf("a frame of %d bytes", f.length)
		}
		end := used + frameHeaderBytes + f.length
		if end > len(bytes) {
			break
		}
		if err := c.frame(f, bytes[used+frameHeaderBytes:end], now); err != nil {
			return used, err
		}
		used = end
	}
	c.pump(now)
	return used, nil
}

// start gives the connection `count` calls to begin with.
func (c *connection) start(count int) {
	now := c.run.now()
	for range count {
		c.queue.push(now)
	}
	c.pump(now)
	c.flush()
}

// arrive adds one arrival of the open loop; the loop flushes.
func (c *connection) arrive(intended, now int64) {
	if c.closed != nil {
		c.tally.errors["connection closed: "+c.closed.Error()]++
		return
	}
	c.run.open++
	c.queue.push(intended)
	c.pump(now)
	c.tally.queuedMax = max(c.tally.queuedMax, c.queue.length())
}

// pump encodes what waits, as far as streams and flow control allow.
func (c *connection) pump(now int64) {
	if c.keeper != nil {
		c.keeper.pump(now)
		return
	}
	need := int64(c.work.requestMax + messagePrefix)
	for c.queue.length() > 0 && c.streams.available() && c.sendWindow >= need {
		if start := c.queue.pop(); c.mayStart(start, now) {
			c.send(start)
		}
	}
}

// mayStart says whether what should start at `start` may be sent now, and counts it.
func (c *connection) mayStart(start, now int64) bool {
	if c.run.openLoop {
		if now-start >= int64(time.Millisecond) && c.run.inWindow(start) {
			c.tally.late++
		}
		return true
	}
	if !c.run.mayIssue(now) {
		return false
	}
	c.run.open++
	return true
}

// send encodes HEADERS and one DATA frame that ends the stream.
func (c *connection) send(start int64) {
	call := c.streams.open(start)
	at := len(c.out)
	c.out = appendFrameHeader(c.out, 0, frameHeaders, flagEndHeaders, call.stream)
	c.out = c.headers.block(c.out)
	putFrameLength(c.out, at)
	at = len(c.out)
	c.out = appendFrameHeader(c.out, 0, frameData, flagEndStream, call.stream)
	c.out = append(c.out, 0, 0, 0, 0, 0)
	c.out, call.want = c.source(c.out)
	if f := c.run.fanout; f != nil {
		f.sent(call.want.key, start, c)
	}
	putFrameLength(c.out, at)
	size := len(c.out) - at - frameHeaderBytes
	binary.BigEndian.PutUint32(c.out[at+frameHeaderBytes+1:], uint32(size-messagePrefix))
	c.sendWindow -= int64(size)
}

// finish counts an answered call and, in a closed loop, lets the next one take its place.
func (c *connection) finish(call *call, now int64) {
	if call.wrong == nil && !call.answered {
		call.wrong = errors.New("grpc-status 0 without a message")
	}
	t := &c.tally
	if call.session != nil {
		call.session.ended(call)
		return
	}
	noResult := new(noResult)
	switch {
	case call.wrong != nil && c.run.failover != nil && errors.As(call.wrong, noResult):
		t.lost[call.wrong.Error()]++
	case call.wrong != nil:
		t.errors[call.wrong.Error()]++
	default:
		t.sawRevision(call.revision)
		if c.run.failover != nil {
			c.run.failover.acknowledged(c.target, call, now)
		}
		c.count(call.start, now)
	}
	t.lastDone = now
	c.run.open--
	c.streams.close(call)
	switch f := c.run.fanout; {
	case f != nil && call.wrong == nil:
		f.acknowledged(call.want.key, now) // the next put comes when the events are there too
	case !c.run.openLoop:
		c.queue.push(now)
	}
}

// count counts what was answered well.
func (c *connection) count(start, now int64) {
	t, at := &c.tally, now
	if c.run.openLoop {
		at = start
	}
	switch {
	case at < c.run.warmEnd:
		t.warmup++
	case at >= c.run.end:
		t.drained++
	default:
		t.measured++
		t.latency.record(uint64(max(0, now-start)) / 1000)
	}
}

// fail closes the connection. Calls without an answer count as errors; so does the loss of an idle connection, except at
// the end of a run. In a fail-over run calls may stay without an answer, and the signalled server's connections may end.
func (c *connection) fail(err error) {
	if c.closed != nil {
		return
	}
	c.closed = err
	lost := c.streams.inFlight() - len(c.sessions)
	if c.keeper != nil {
		lost += c.keeper.unanswered()
	}
	if c.run.openLoop {
		lost += c.queue.length()
	}
	c.run.open -= lost
	failover := c.run.failover
	switch {
	case err == errFinished && failover != nil && lost > 0:
		c.tally.lost["no answer in time"] += uint64(lost)
	case err != errFinished && failover != nil && failover.mayEnd(c.target):
		c.tally.lost["connection closed: "+err.Error()] += uint64(lost)
	case err != errFinished:
		c.tally.errors["connection closed: "+err.Error()] += uint64(max(lost, 1))
	case lost > 0:
		c.tally.errors["no answer in time"] += uint64(lost)
	}
	_ = syscall.Close(c.fd) // nothing that was to be kept
}
