package main

import "encoding/binary"

// workload is one kind of call: its gRPC method, the bodies of its requests and what a good answer to each looks like.
type workload struct {
	method string
	// requests makes the source of one connection's requests; nil of a method whose streams are sessions.
	requests func(luck *random) requestSource
	// check tells what is wrong with an answer, or nil. It returns the revision of the answer's header.
	check func(message []byte, want expectation) (revision int64, wrong error)
	// requestMax is the size of the largest request message, in bytes.
	requestMax int
	// writes says that each acknowledged call is one new revision.
	writes bool
}

// requestSource appends one request message and returns what its answer must be.
type requestSource func(out []byte) ([]byte, expectation)

// expectation is the first key of the answer and how many keys it has.
type expectation struct {
	key   uint64
	count int
}

const (
	methodRange = "/etcdserverpb.KV/Range"
	methodPut   = "/etcdserverpb.KV/Put"
	methodTxn   = "/etcdserverpb.KV/Txn"
)

// putWorkload puts a new key with `valueSize` random bytes. Each put is one revision.
func putWorkload(keys *keySpace, valueSize int) *workload {
	return &workload{
		method: methodPut,
		requests: func(luck *random) requestSource {
			return func(out []byte) ([]byte, expectation) {
				id := keys.deal()
				return appendPut(out, id, valueSize, luck), expectation{key: id}
			}
		},
		check:      checkPut,
		requestMax: putSize(valueSize),
		writes:     true,
	}
}

// txnWorkload creates a key as kube-apiserver does: if it has no revision yet then put it, else read it.
func txnWorkload(keys *keySpace, valueSize int) *workload {
	return &workload{
		method: methodTxn,
		requests: func(luck *random) requestSource {
			var inner []byte // messages are built inside out
			return func(out []byte) ([]byte, expectation) {
				id := keys.deal()
				// Compare{result: EQUAL (default), target: MOD (2), key, mod_revision: 0}
				inner = appendKeyField(append(inner[:0], 2<<3, 2), 3, id)
				inner = append(inner, 6<<3, 0)
				out = appendBytesField(out, 1, inner)
				// RequestOp{request_put}
				inner = binary.AppendUvarint(append(inner[:0], 2<<3|2), uint64(putSize(valueSize)))
				inner = appendPut(inner, id, valueSize, luck)
				out = appendBytesField(out, 2, inner)
				// RequestOp{request_range}
				inner = appendKeyField(append(inner[:0], 1<<3|2, byte(2+keyLength)), 1, id)
				return appendBytesField(out, 3, inner), expectation{key: id}
			}
		},
		check:      checkTxn,
		requestMax: 2*putSize(valueSize) + 4*keyLength,
		writes:     true,
	}
}

// rangeWorkload reads `count` neighbouring keys from a random place among the first `loaded`.
func rangeWorkload(loaded uint64, count int, serializable bool, valueSize int) *workload {
	return &workload{
		method: methodRange,
		requests: func(luck *random) requestSource {
			return func(out []byte) ([]byte, expectation) {
				id := luck.below(loaded - uint64(count) + 1)
				out = appendKeyField(out, 1, id)
				if count > 1 {
					out = appendKeyField(out, 2, id+uint64(count))
				}
				if serializable {
					out = append(out, 7<<3, 1)
				}
				return out, expectation{key: id, count: count}
			}
		},
		check: func(message []byte, want expectation) (int64, error) {
			return checkRange(message, want, valueSize)
		},
		requestMax: 2*(keyLength+2) + 2,
	}
}

// probeWorkload is a linearizable read of the first key, there or not, for the revision in its answer's header.
func probeWorkload() *workload {
	return &workload{
		method: methodRange,
		requests: func(*random) requestSource {
			return func(out []byte) ([]byte, expectation) { return appendKeyField(out, 1, 0), expectation{} }
		},
		check:      checkPut, // as there: only the header
		requestMax: keyLength + 2,
	}
}

func putSize(valueSize int) int {
	return 2 + keyLength + 1 + len(binary.AppendUvarint(nil, uint64(valueSize))) + valueSize
}

func appendPut(out []byte, id uint64, valueSize int, luck *random) []byte {
	out = appendKeyField(out, 1, id)
	out = binary.AppendUvarint(append(out, 2<<3|2), uint64(valueSize))
	return luck.appendBytes(out, valueSize)
}

func appendKeyField(out []byte, field byte, id uint64) []byte {
	return appendKey(append(out, field<<3|2, byte(keyLength)), id)
}

func appendBytesField(out []byte, field byte, value []byte) []byte {
	out = binary.AppendUvarint(append(out, field<<3|2), uint64(len(value)))
	return append(out, value...)
}
