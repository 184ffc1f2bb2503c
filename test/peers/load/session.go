package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// session is a stream that lives on, with many messages either way: Watch and LeaseKeepAlive.
type session struct {
	c      *connection
	stream uint32
	window int64  // what flow control lets us send on it
	waits  []byte // messages with their prefixes that wait for that
	// take handles one message; an error ends the connection.
	take func(message []byte, now int64) error
}

// openSession opens a stream on a connection whose server has greeted.
func (c *connection) openSession(take func(message []byte, now int64) error) *session {
	call := c.streams.open(c.run.now())
	s := &session{c: c, stream: call.stream, window: c.streamWindow, take: take}
	call.session = s
	c.sessions = append(c.sessions, s)
	at := len(c.out)
	c.out = appendFrameHeader(c.out, 0, frameHeaders, flagEndHeaders, s.stream)
	c.out = c.headers.block(c.out)
	putFrameLength(c.out, at)
	return s
}

// say sends a message, in a frame of its own if the windows allow.
func (s *session) say(message []byte) {
	s.waits = binary.BigEndian.AppendUint32(append(s.waits, 0), uint32(len(message)))
	s.waits = append(s.waits, message...)
	s.push()
}

// push encodes what waits, as far as the windows allow.
func (s *session) push() {
	for len(s.waits) > 0 && s.window > 0 && s.c.sendWindow > 0 {
		n := int(min(int64(len(s.waits)), int64(frameBytesMax), s.window, s.c.sendWindow))
		s.c.out = appendFrameHeader(s.c.out, n, frameData, 0, s.stream)
		s.c.out = append(s.c.out, s.waits[:n]...)
		s.waits = s.waits[:copy(s.waits, s.waits[n:])]
		s.window -= int64(n)
		s.c.sendWindow -= int64(n)
	}
}

// widen takes a WINDOW_UPDATE. The window of a call is never used up: its request is one frame.
func (c *connection) widen(stream uint32, by int64) {
	if stream == 0 {
		c.sendWindow += by
		for _, s := range c.sessions {
			s.push()
		}
	} else if call := c.streams.find(stream); call != nil && call.session != nil {
		call.session.window += by
		call.session.push()
	}
}

// data reads the messages of one DATA frame where they lie; the beginning of one that goes on is kept.
func (s *session) data(call *call, payload []byte, now int64) error {
	if call.wrong != nil {
		return call.wrong
	}
	bytes := payload
	if len(call.body) > 0 {
		call.body = append(call.body, payload...)
		bytes = call.body
	}
	at := 0
	for len(bytes)-at >= messagePrefix {
		end := at + messagePrefix + int(binary.BigEndian.Uint32(bytes[at+1:]))
		if bytes[at] != 0 {
			return errors.New("a compressed message")
		}
		if end > len(bytes) {
			break
		}
		if err := s.take(bytes[at+messagePrefix:end], now); err != nil {
			return err
		}
		at = end
	}
	call.body = append(call.body[:0], bytes[at:]...)
	return nil
}

// ended: the server has ended the stream, which it never should.
func (s *session) ended(call *call) {
	wrong := call.wrong
	if wrong == nil {
		wrong = errors.New("with status OK")
	}
	s.c.fail(fmt.Errorf("a stream ended: %w", wrong))
}
