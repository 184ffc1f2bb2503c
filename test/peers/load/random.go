package main

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// random is a small fast generator (splitmix64): one per connection, so nothing is shared. Not for secrets.
type random struct{ state uint64 }

func newRandom(seed uint64) *random { return &random{seed * 0x9E3779B97F4A7C15} }

func (r *random) next() uint64 {
	r.state += 0x9E3779B97F4A7C15
	z := r.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below is uniform in [0, n).
func (r *random) below(n uint64) uint64 {
	high, _ := bits.Mul64(r.next(), n)
	return high
}

// exponential has the mean 1: the gap between arrivals of a Poisson process.
func (r *random) exponential() float64 {
	return -math.Log(1 - float64(r.next()>>11)/(1<<53))
}

// appendBytes appends n bytes that do not compress; n is a multiple of 8.
func (r *random) appendBytes(out []byte, n int) []byte {
	for ; n > 0; n -= 8 {
		out = binary.LittleEndian.AppendUint64(out, r.next())
	}
	return out
}
