package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The answers, read straight from the protobuf wire format: enough of them to know that the answer is the one asked for.

var (
	errTruncated  = errors.New("answer does not decode")
	errNoHeader   = errors.New("answer without header")
	errNoRevision = errors.New("answer without revision")
)

// fields walks the fields of a message: numbers and bytes only, since the answers have nothing else.
type fields struct {
	rest   []byte
	number int
	value  uint64 // the number, or how many bytes
	bytes  []byte
	err    error
}

// next goes to the next field; false at the end and at an error.
func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	tag := f.varint()
	f.number, f.value = int(tag>>3), f.varint()
	switch {
	case f.err != nil:
	case tag&7 == 0:
		f.bytes = nil
	case tag&7 == 2 && f.value <= uint64(len(f.rest)):
		f.bytes, f.rest = f.rest[:f.value], f.rest[f.value:]
	default:
		f.err = errTruncated
	}
	return f.err == nil
}

func (f *fields) varint() uint64 {
	if len(f.rest) > 0 && f.rest[0] < 0x80 {
		value := f.rest[0]
		f.rest = f.rest[1:]
		return uint64(value)
	}
	value, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.err = errTruncated
		return 0
	}
	f.rest = f.rest[n:]
	return value
}

// headerRevision is the revision of a ResponseHeader, which must be above 0.
func headerRevision(header []byte) (revision int64, err error) {
	f := fields{rest: header}
	for f.next() {
		if f.number == 3 {
			revision = int64(f.value)
		}
	}
	if f.err == nil && revision <= 0 {
		f.err = errNoRevision
	}
	return revision, f.err
}

func checkPut(message []byte, _ expectation) (revision int64, err error) {
	f, err := fields{rest: message}, errNoHeader
	for f.next() {
		if f.number == 1 {
			revision, err = headerRevision(f.bytes)
		}
	}
	return revision, errors.Join(f.err, err)
}

// checkTxn wants the branch that writes to have been taken, with one response.
func checkTxn(message []byte, _ expectation) (revision int64, err error) {
	f, err := fields{rest: message}, errNoHeader
	succeeded, responses := false, 0
	for f.next() {
		switch f.number {
		case 1:
			revision, err = headerRevision(f.bytes)
		case 2:
			succeeded = f.value == 1
		case 3:
			responses++
		}
	}
	if f.err == nil && err == nil && (!succeeded || responses != 1) {
		err = fmt.Errorf("txn answered succeeded=%t with %d responses", succeeded, responses)
	}
	return revision, errors.Join(f.err, err)
}

// checkRange wants exactly the keys asked for, in order, with values of the size they were put with.
func checkRange(message []byte, want expectation, valueSize int) (revision int64, err error) {
	f, err := fields{rest: message}, errNoHeader
	var buffer [keyLength]byte
	expected := appendKey(buffer[:0], want.key)
	count, keys := 0, 0
	for f.next() {
		switch f.number {
		case 1:
			revision, err = headerRevision(f.bytes)
		case 2:
			if wrong := checkKeyValue(f.bytes, expected, valueSize); wrong != nil {
				return 0, wrong
			}
			incrementKey(expected)
			keys++
		case 4:
			count = int(f.value)
		}
	}
	if f.err == nil && err == nil && (keys != want.count || count != want.count) {
		err = fmt.Errorf("range answered %d keys and count %d where %d were expected", keys, count, want.count)
	}
	return revision, errors.Join(f.err, err)
}

func checkKeyValue(kv, expected []byte, valueSize int) error {
	key, size := false, 0
	f := fields{rest: kv}
	for f.next() {
		switch f.number {
		case 1:
			key = bytes.Equal(f.bytes, expected)
		case 5:
			size = len(f.bytes)
		}
	}
	switch {
	case f.err != nil:
		return f.err
	case !key:
		return errors.New("range answered another key than was asked for")
	case size != valueSize:
		return fmt.Errorf("range answered a value of %d bytes where %d were expected", size, valueSize)
	}
	return nil
}
