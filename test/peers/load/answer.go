package main

import (
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

// field is one field of a message: its number and its value, a number or bytes.
type field struct {
	number int
	value  uint64
	bytes  []byte
}

// nextField reads the field at the front of `message` and returns the rest.
func nextField(message []byte) (f field, rest []byte, err error) {
	tag, n := binary.Uvarint(message)
	if n <= 0 {
		return f, nil, errTruncated
	}
	f.number, message = int(tag>>3), message[n:]
	f.value, n = binary.Uvarint(message)
	if n <= 0 {
		return f, nil, errTruncated
	}
	message = message[n:]
	switch tag & 7 {
	case 0:
		return f, message, nil
	case 2:
		if f.value > uint64(len(message)) {
			return f, nil, errTruncated
		}
		f.bytes = message[:f.value]
		return f, message[f.value:], nil
	}
	return f, nil, errTruncated
}

// headerRevision is the revision of a ResponseHeader, which must be above 0.
func headerRevision(header []byte) (int64, error) {
	for len(header) > 0 {
		f, rest, err := nextField(header)
		if err != nil {
			return 0, err
		}
		if header = rest; f.number == 3 && int64(f.value) > 0 {
			return int64(f.value), nil
		}
	}
	return 0, errNoRevision
}

func checkPut(message []byte, _ expectation) (int64, error) {
	f, _, err := nextField(message)
	if err != nil || f.number != 1 {
		return 0, errNoHeader
	}
	return headerRevision(f.bytes)
}

// checkTxn wants the branch that writes to have been taken, with one response.
func checkTxn(message []byte, _ expectation) (revision int64, err error) {
	succeeded, responses := false, 0
	for err = errNoHeader; len(message) > 0; {
		f, rest, wrong := nextField(message)
		if wrong != nil {
			return 0, wrong
		}
		message = rest
		switch f.number {
		case 1:
			revision, err = headerRevision(f.bytes)
		case 2:
			succeeded = f.value == 1
		case 3:
			responses++
		}
	}
	if err == nil && (!succeeded || responses != 1) {
		err = fmt.Errorf("txn answered succeeded=%t with %d responses", succeeded, responses)
	}
	return revision, err
}

// checkRange wants exactly the keys asked for, in order, with values of the size they were put with.
func checkRange(message []byte, want expectation, valueSize int) (revision int64, err error) {
	count, keys := 0, 0
	for err = errNoHeader; len(message) > 0; {
		f, rest, wrong := nextField(message)
		if wrong != nil {
			return 0, wrong
		}
		message = rest
		switch f.number {
		case 1:
			revision, err = headerRevision(f.bytes)
		case 2:
			if wrong := checkKeyValue(f.bytes, want.key+uint64(keys), valueSize); wrong != nil {
				return 0, wrong
			}
			keys++
		case 4:
			count = int(f.value)
		}
	}
	if err == nil && (keys != want.count || count != want.count) {
		err = fmt.Errorf("range answered %d keys and count %d where %d were expected", keys, count, want.count)
	}
	return revision, err
}

func checkKeyValue(kv []byte, id uint64, valueSize int) error {
	key, size := false, 0
	for len(kv) > 0 {
		f, rest, err := nextField(kv)
		if err != nil {
			return err
		}
		kv = rest
		switch f.number {
		case 1:
			var expected [keyLength]byte
			key = string(f.bytes) == string(appendKey(expected[:0], id))
		case 5:
			size = len(f.bytes)
		}
	}
	if !key {
		return errors.New("range answered another key than was asked for")
	}
	if size != valueSize {
		return fmt.Errorf("range answered a value of %d bytes where %d were expected", size, valueSize)
	}
	return nil
}
