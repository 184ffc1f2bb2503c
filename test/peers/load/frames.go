package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HTTP/2 frames (RFC 9113 sections 4 and 6): the parts a client of unary gRPC calls needs.

const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePushPromise  = 5
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingTableSize     = 1
	settingStreamsMax    = 3
	settingInitialWindow = 4

	frameHeaderBytes = 9
	frameBytesMax    = 16384 // SETTINGS_MAX_FRAME_SIZE, ours: the default
	messagePrefix    = 5     // gRPC: compressed flag and length
)

type frameHeader struct {
	length      int
	kind, flags byte
	stream      uint32
}

func parseFrameHeader(b []byte) frameHeader {
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & 0x7fffffff,
	}
}

func appendFrameHeader(out []byte, length int, kind, flags byte, stream uint32) []byte {
	out = append(out, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(out, stream)
}

// putFrameLength writes the length of the frame that begins at `at` and ends with `out`.
func putFrameLength(out []byte, at int) {
	length := len(out) - at - frameHeaderBytes
	out[at], out[at+1], out[at+2] = byte(length>>16), byte(length>>8), byte(length)
}

func appendWindowUpdate(out []byte, stream uint32, by int) []byte {
	out = appendFrameHeader(out, 4, frameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(out, uint32(by))
}

// frame handles one frame; an error ends the connection.
func (c *connection) frame(f frameHeader, payload []byte, now int64) error {
	if c.partial.stream != 0 && (f.kind != frameContinuation || f.stream != c.partial.stream) {
		return errors.New("another frame between HEADERS and CONTINUATION")
	}
	switch f.kind {
	case frameData:
		return c.data(f, payload, now)
	case frameHeaders:
		block, err := unpad(f, payload)
		if err != nil {
			return err
		}
		if f.flags&flagPriority != 0 {
			block = block[min(5, len(block)):]
		}
		if f.flags&flagEndHeaders == 0 {
			c.partial = headerBlock{f.stream, f.flags, append(c.partial.bytes[:0], block...)}
			return nil
		}
		return c.headersDone(f.stream, f.flags, block, now)
	case frameContinuation:
		c.partial.bytes = append(c.partial.bytes, payload...)
		if f.flags&flagEndHeaders == 0 {
			return nil
		}
		stream := c.partial.stream
		c.partial.stream = 0
		return c.headersDone(stream, c.partial.flags, c.partial.bytes, now)
	case frameReset:
		if call := c.streams.find(f.stream); call != nil && len(payload) == 4 {
			call.wrong = noResult(fmt.Sprintf("RST_STREAM code %d", binary.BigEndian.Uint32(payload)))
			c.finish(call, now)
		}
	case frameSettings:
		return c.settings(f, payload)
	case framePing:
		if f.flags&flagAck == 0 {
			c.out = appendFrameHeader(c.out, len(payload), framePing, flagAck, 0)
			c.out = append(c.out, payload...)
		}
	case frameGoAway:
		if len(payload) < 8 {
			return errors.New("short GOAWAY")
		}
		return fmt.Errorf("GOAWAY code %d %q", binary.BigEndian.Uint32(payload[4:]), payload[8:])
	case frameWindowUpdate:
		if len(payload) != 4 {
			return errors.New("WINDOW_UPDATE of a wrong size")
		}
		c.widen(f.stream, int64(binary.BigEndian.Uint32(payload)&0x7fffffff))
	case framePushPromise:
		return errors.New("PUSH_PROMISE")
	}
	return nil
}

func unpad(f frameHeader, payload []byte) ([]byte, error) {
	if f.flags&flagPadded == 0 {
		return payload, nil
	}
	if len(payload) == 0 || int(payload[0]) >= len(payload) {
		return nil, errors.New("padding longer than the frame")
	}
	return payload[1 : len(payload)-int(payload[0])], nil
}

func (c *connection) settings(f frameHeader, payload []byte) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if len(payload)%6 != 0 {
		return errors.New("SETTINGS of a wrong size")
	}
	for ; len(payload) > 0; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch binary.BigEndian.Uint16(payload) {
		case settingTableSize:
			c.headers.limitTable(value)
		case settingStreamsMax:
			c.streams.openMax = int(value)
		case settingInitialWindow:
			for _, s := range c.sessions {
				s.window += int64(value) - c.streamWindow
			}
			c.streamWindow = int64(value)
		}
	}
	c.out = appendFrameHeader(c.out, 0, frameSettings, flagAck, 0)
	c.greeted = true
	return nil
}

// headersDone handles a whole header block: an answer's opening or its trailers.
func (c *connection) headersDone(stream uint32, flags byte, block []byte, now int64) error {
	means, err := c.answers.decode(block)
	if err != nil {
		return err
	}
	call := c.streams.find(stream)
	if call == nil {
		return fmt.Errorf("headers on stream %d, which is not open", stream)
	}
	end := flags&flagEndStream != 0
	if !call.opened {
		call.opened = true
		call.blame(means.checkOpening())
	} else if !end {
		call.blame(errors.New("headers in the middle of an answer"))
	}
	if end {
		if wrong := means.checkClosing(); wrong != nil {
			call.wrong = wrong // says more than whatever was found before
		}
		c.finish(call, now)
	}
	return nil
}

// data handles one DATA frame. A message that is whole in it is read where it lies.
func (c *connection) data(f frameHeader, payload []byte, now int64) error {
	if c.unreturned += f.length; c.unreturned >= connectionWindowBack {
		c.out = appendWindowUpdate(c.out, 0, c.unreturned)
		c.unreturned = 0
	}
	payload, err := unpad(f, payload)
	if err != nil {
		return err
	}
	call := c.streams.find(f.stream)
	if call == nil {
		return fmt.Errorf("DATA on stream %d, which is not open", f.stream)
	}
	if !call.opened {
		call.blame(errors.New("DATA before the headers"))
	}
	if call.session != nil {
		if err := call.session.data(call, payload, now); err != nil {
			return err
		}
	} else {
		c.body(call, payload)
	}
	if f.flags&flagEndStream != 0 {
		call.blame(errors.New("the answer ended without trailers"))
		c.finish(call, now)
		return nil
	}
	if call.received += f.length; call.received >= streamWindowOffered/2 {
		c.out = appendWindowUpdate(c.out, f.stream, call.received)
		call.received = 0
	}
	return nil
}

// body takes a part of the one message of an answer.
func (c *connection) body(call *call, payload []byte) {
	if len(call.body) > 0 {
		call.body = append(call.body, payload...)
		payload = call.body
	}
	if len(payload) > 0 && !c.message(call, payload) && len(call.body) == 0 {
		call.body = append(call.body, payload...)
	}
}

// message checks the message at the front of `bytes` once it is whole and says whether it was.
func (c *connection) message(call *call, bytes []byte) bool {
	if len(bytes) < messagePrefix {
		return false
	}
	length := int(binary.BigEndian.Uint32(bytes[1:]))
	if len(bytes) < messagePrefix+length {
		return false
	}
	if bytes[0] != 0 || call.answered || len(bytes) > messagePrefix+length {
		call.blame(errors.New("more than one message, or a compressed one"))
		return true
	}
	call.answered = true
	revision, wrong := c.work.check(bytes[messagePrefix:], call.want)
	call.revision = revision
	call.blame(wrong)
	return true
}

// blame keeps the first thing found wrong.
func (c *call) blame(wrong error) {
	if c.wrong == nil {
		c.wrong = wrong
	}
}
