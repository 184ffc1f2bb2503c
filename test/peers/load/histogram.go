package main

import "math/bits"

// histogram counts latencies in microseconds in buckets whose width grows with the value: exact below 512 µs, within
// 0.4 % above. It never grows and is cheap to merge. No lock: one per connection.
type histogram struct {
	counts [bucketCount]uint32
	total  uint64
	max    uint64
}

const (
	subBits     = 8 // 256 buckets per doubling
	subCount    = 1 << subBits
	bucketCount = subCount * 28 // up to 2^35 µs, more than nine hours
)

func bucketOf(micros uint64) int {
	if micros < 2*subCount {
		return int(micros)
	}
	shift := bits.Len64(micros) - subBits - 1
	return min(shift*subCount+int(micros>>shift), bucketCount-1)
}

// highest is the largest value that falls into the bucket.
func highest(bucket int) uint64 {
	if bucket < 2*subCount {
		return uint64(bucket)
	}
	shift := bucket/subCount - 1
	return uint64(bucket-shift*subCount+1)<<shift - 1
}

func (h *histogram) record(micros uint64) {
	h.counts[bucketOf(micros)]++
	h.total++
	h.max = max(h.max, micros)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile is the smallest recorded value (to the bucket's upper edge) that at least the share q does not exceed.
func (h *histogram) quantile(q float64) uint64 {
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) {
		rank++
	}
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= rank {
			return min(highest(i), h.max)
		}
	}
	return h.max
}
