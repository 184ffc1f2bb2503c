package main

import (
	"slices"
	"testing"
)

func TestEachValueFallsIntoTheBucketThatEndsAtOrJustAboveIt(t *testing.T) {
	for value := uint64(0); value < 1<<34; value += 1 + value/1000 {
		edge := highest(bucketOf(value))
		if edge < value || float64(edge) > float64(value)*1.004+0.5 {
			t.Fatalf("%d µs falls into the bucket that ends at %d", value, edge)
		}
		if bucketOf(edge) != bucketOf(value) || bucketOf(edge+1) == bucketOf(value) {
			t.Fatalf("the bucket of %d does not end at %d", value, edge)
		}
	}
}

func TestQuantilesAreThoseOfTheSortedValuesWithinTheBucketWidth(t *testing.T) {
	luck := newRandom(3)
	var values []uint64
	parts := [2]histogram{}
	for i := range 50_000 {
		value := uint64(luck.exponential() * 3000)
		values = append(values, value)
		parts[i%2].record(value)
	}
	var whole histogram
	whole.merge(&parts[0])
	whole.merge(&parts[1])
	slices.Sort(values)
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		want := values[int(q*float64(len(values)))-1]
		if got := whole.quantile(q); float64(got) < float64(want) || float64(got) > float64(want)*1.004+1 {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
}
