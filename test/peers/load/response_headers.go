package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// responseHeaders reads the header blocks of one connection's answers. A block made only of one-byte table indexes means
// what it meant the last time as long as no other block came in between, so the usual case is a comparison of bytes.
type responseHeaders struct {
	decoder *hpack.Decoder
	recent  [4]struct {
		block []byte
		means headersMeaning
	}
	next int
}

// headersMeaning is what a block says that matters here; empty strings when a field is missing.
type headersMeaning struct{ status, contentType, grpcStatus, grpcMessage string }

func newResponseHeaders() *responseHeaders {
	return &responseHeaders{decoder: hpack.NewDecoder(tableSizeDefault, nil)}
}

func (r *responseHeaders) decode(block []byte) (headersMeaning, error) {
	pure := onlyIndexes(block)
	if pure {
		for i := range r.recent {
			if bytes.Equal(r.recent[i].block, block) {
				return r.recent[i].means, nil
			}
		}
	}
	fields, err := r.decoder.DecodeFull(block)
	if err != nil {
		return headersMeaning{}, fmt.Errorf("header block: %w", err)
	}
	var means headersMeaning
	for _, f := range fields {
		switch f.Name {
		case ":status":
			means.status = f.Value
		case "content-type":
			means.contentType = f.Value
		case "grpc-status":
			means.grpcStatus = f.Value
		case "grpc-message":
			means.grpcMessage = f.Value
		}
	}
	if pure {
		slot := &r.recent[r.next%len(r.recent)]
		slot.block, slot.means = append(slot.block[:0], block...), means
		r.next++
	} else { // it may have moved the dynamic table
		for i := range r.recent {
			r.recent[i].block = r.recent[i].block[:0]
		}
	}
	return means, nil
}

// onlyIndexes: each byte is one indexed field (RFC 7541 section 6.1) of one byte.
func onlyIndexes(block []byte) bool {
	for _, b := range block {
		if b < 0x80 || b == 0xff {
			return false
		}
	}
	return len(block) > 0
}

// noResult is a call that the server ended without a result, as it may when a leader dies. Any other error of a call is a
// wrong answer.
type noResult string

func (n noResult) Error() string { return string(n) }

// checkOpening tells what is wrong with the headers an answer starts with.
func (m headersMeaning) checkOpening() error {
	if m.status != "200" {
		return fmt.Errorf("HTTP status %q", m.status)
	}
	if !strings.HasPrefix(m.contentType, "application/grpc") {
		return fmt.Errorf("content-type %q", m.contentType)
	}
	return nil
}

// checkClosing tells what is wrong with the trailers an answer ends with.
func (m headersMeaning) checkClosing() error {
	if m.grpcStatus == "0" {
		return nil
	}
	code, err := strconv.Atoi(m.grpcStatus)
	if err != nil {
		return fmt.Errorf("no grpc-status in the trailers")
	}
	return noResult(fmt.Sprintf("grpc-status %d: %s", code, m.grpcMessage))
}
