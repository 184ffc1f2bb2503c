package main

// tally is what one connection counted; merged at the end of a run.
type tally struct {
	warmup, measured, drained uint64 // acknowledged before, in and after the measured window
	errors                    map[string]uint64
	lost                      map[string]uint64 // fail-over: calls that got no result, which that run allows
	latency                   histogram         // of the measured calls
	revisionFirst             int64             // lowest and highest revision in an answer; 0 when there was none
	revisionLast              int64
	late                      uint64 // open loop: sent a millisecond or more after the intended arrival, in the measured window
	queuedMax                 int    // open loop: most arrivals that waited for a free stream at once
	lastDone                  int64  // nanoseconds of the run's clock
}

func newTally() tally { return tally{errors: map[string]uint64{}, lost: map[string]uint64{}} }

func (t *tally) acknowledged() uint64 { return t.warmup + t.measured + t.drained }

func sum(counts map[string]uint64) (n uint64) {
	for _, count := range counts {
		n += count
	}
	return n
}

func (t *tally) sawRevision(revision int64) {
	if t.revisionFirst == 0 || revision < t.revisionFirst {
		t.revisionFirst = revision
	}
	t.revisionLast = max(t.revisionLast, revision)
}

func (t *tally) merge(other *tally) {
	t.warmup += other.warmup
	t.measured += other.measured
	t.drained += other.drained
	for text, n := range other.errors {
		t.errors[text] += n
	}
	for text, n := range other.lost {
		t.lost[text] += n
	}
	t.latency.merge(&other.latency)
	if other.revisionFirst != 0 {
		t.sawRevision(other.revisionFirst)
		t.sawRevision(other.revisionLast)
	}
	t.late += other.late
	t.queuedMax = max(t.queuedMax, other.queuedMax)
	t.lastDone = max(t.lastDone, other.lastDone)
}
