package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"
)

// run is one timed piece of work on a set of connections. Times are nanoseconds since `base`.
type run struct {
	base     time.Time
	loop     *loop
	all      []*connection
	callers  []*connection // those that calls arrive at
	seed     uint64
	dialled  uint64
	tls      *tls.Config // nil: plain connections
	openLoop bool
	warmEnd  int64 // the measured window is [warmEnd, end)
	end      int64
	budget   int64 // calls that a closed loop may still send
	open     int   // calls without an answer; in an open loop also arrivals that were not sent
	failover *failover
	fanout   *fanout // set: puts count by the events that they make
}

const (
	unlimited    = int64(1) << 62
	drainTimeout = 15 * time.Second
	pollMax      = 100 * time.Millisecond
)

// outcome is what a run gave.
type outcome struct {
	tally   tally
	seconds float64 // of the measured window
	spent   usage   // CPU in the window
	changes *failover
	fanout  *fanout
}

// connect opens the connections and waits until the server has greeted on all of them.
func connect(work *workload, o options) (*run, error) {
	config, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	r := &run{base: time.Now(), loop: l, tls: config, seed: o.seed, openLoop: o.rate > 0, end: unlimited, budget: unlimited}
	if r.callers, err = r.dial(work, o); err != nil {
		r.finish()
		return nil, err
	}
	return r, nil
}

// dial opens connections for o.streams calls each and waits until the server has greeted on all of them.
func (r *run) dial(work *workload, o options) (opened []*connection, err error) {
	for i := range o.connections {
		target := o.targets[i%len(o.targets)]
		c, err := dial(r, work, target, o.streams)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", target, err)
		}
		r.all, opened = append(r.all, c), append(opened, c)
		if err := r.loop.add(c); err != nil {
			return nil, err
		}
		c.flush()
	}
	for deadline := r.now() + int64(connectTimeout); r.now() < deadline && r.someUnusable() != nil; {
		if err := r.loop.poll(pollMax); err != nil {
			return nil, err
		}
		if c := r.someUnusable(); c != nil && c.closed != nil {
			break
		}
	}
	if c := r.someUnusable(); c != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.target, c.usable())
	}
	return opened, nil
}

func (r *run) someUnusable() *connection {
	for _, c := range r.all {
		if c.usable() != nil {
			return c
		}
	}
	return nil
}

func (r *run) now() int64 { return int64(time.Since(r.base)) }

func (r *run) inWindow(at int64) bool { return at >= r.warmEnd && at < r.end }

// mayIssue says whether a closed loop sends one more call, and takes it from the budget.
func (r *run) mayIssue(now int64) bool {
	if now >= r.end || r.budget == 0 {
		return false
	}
	r.budget--
	return true
}

func (r *run) alive() bool {
	for _, c := range r.all {
		if c.closed == nil {
			return true
		}
	}
	return false
}

// timed runs the workload for o.warmup plus o.duration, in a closed loop or at o.rate, then waits for the last answers.
func timed(work *workload, o options) (outcome, error) {
	r, err := connect(work, o)
	if err != nil {
		return outcome{}, err
	}
	return r.timed(o, o.streams)
}

// timed lets calls arrive at the connections that stand; in a closed loop each begins with `each` of them.
func (r *run) timed(o options, each int) (outcome, error) {
	begin := r.now()
	r.warmEnd = begin + int64(o.warmup)
	r.end = r.warmEnd + int64(o.duration)
	next := func(int64) int64 { return unlimited }
	if o.signalPid != 0 {
		r.failover = newFailover(o, r.warmEnd)
	}
	if r.openLoop {
		next = newPacer(r, o.rate, begin).due
	} else {
		for _, c := range r.callers {
			c.start(each)
		}
	}
	cpu := newCpuReader(o.serverPids)
	var samples []usage // at warmEnd and at end
	for {
		now := r.now()
		for len(samples) < 2 && now >= []int64{r.warmEnd, r.end}[len(samples)] {
			samples = append(samples, cpu.read())
		}
		wake := next(now)
		if f := r.failover; f != nil {
			if err := f.advance(r, cpu); err != nil {
				return outcome{}, err
			}
			if f.isOver(now) || now >= r.end {
				samples = append(samples[:1], cpu.read())
				r.end = now
				break
			}
			wake = min(wake, f.wake(now))
		}
		if len(samples) < 2 {
			wake = min(wake, []int64{r.warmEnd, r.end}[len(samples)])
		} else if r.isIdle() || now > r.end+int64(drainTimeout) {
			break
		}
		if err := r.loop.poll(min(pollMax, time.Duration(wake-now))); err != nil {
			return outcome{}, err
		}
		if r.fanout != nil {
			r.fanout.next()
		}
	}
	return outcome{
		tally: r.finish(), seconds: float64(r.end-r.warmEnd) / 1e9, spent: samples[1].minus(samples[0]), changes: r.failover,
	}, nil
}

// isIdle: nothing that was sent waits for what it brings about.
func (r *run) isIdle() bool { return r.open == 0 && (r.fanout == nil || r.fanout.owed == 0) }

// counted runs the workload in a closed loop until `calls` were answered, or none was for drainTimeout.
func counted(work *workload, o options, calls uint64) (outcome, error) {
	o.rate = 0
	r, err := connect(work, o)
	if err != nil {
		return outcome{}, err
	}
	r.budget = int64(calls)
	cpu := newCpuReader(o.serverPids)
	begin, first := r.now(), cpu.read()
	for _, c := range r.all {
		c.start(o.streams)
	}
	const noticeEvery = int64(5 * time.Second)
	notice, left, moved := begin+noticeEvery, r.budget, begin
	for r.alive() && (r.open > 0 || r.budget > 0) && r.now()-moved < int64(drainTimeout) {
		if err := r.loop.poll(pollMax); err != nil {
			return outcome{}, err
		}
		now := r.now()
		if at := r.budget + int64(r.open); at != left {
			left, moved = at, now
		}
		if now >= notice {
			fmt.Fprintf(os.Stderr, "%d of %d\n", int64(calls)-r.budget, calls)
			notice = now + noticeEvery
		}
	}
	result := outcome{spent: cpu.read().minus(first), tally: r.finish()}
	result.seconds = float64(result.tally.lastDone-begin) / 1e9
	return result, nil
}

// finish closes all and adds up what was counted.
func (r *run) finish() tally {
	sum := newTally()
	for _, c := range r.all {
		c.fail(errFinished)
		sum.merge(&c.tally)
	}
	r.loop.close()
	return sum
}

// pacer deals the arrivals of a Poisson process, drawn from the seed and so fixed in advance, to the connections in turn.
type pacer struct {
	run  *run
	gap  float64 // mean nanoseconds between arrivals
	next float64
	turn int
	luck *random
}

func newPacer(r *run, rate float64, begin int64) *pacer {
	return &pacer{run: r, gap: 1e9 / rate, next: float64(begin), luck: newRandom(r.seed)}
}

// due lets what is due by now arrive, and returns when the next one is.
func (p *pacer) due(now int64) int64 {
	for int64(p.next) <= now && int64(p.next) < p.run.end {
		p.connection().arrive(int64(p.next), now)
		p.next += p.luck.exponential() * p.gap
	}
	for _, c := range p.run.all {
		if len(c.out) > c.written {
			c.flush()
		}
	}
	if int64(p.next) >= p.run.end {
		return unlimited
	}
	return int64(p.next)
}

// connection is the next in turn; in a fail-over run the next of those that still stand.
func (p *pacer) connection() *connection {
	for range p.run.callers {
		c := p.run.callers[p.turn%len(p.run.callers)]
		p.turn++
		if p.run.failover == nil || c.closed == nil {
			return c
		}
	}
	return p.run.callers[0]
}

// probeRevision asks for the revision with one linearizable read of the first target that answers one.
func probeRevision(o options) (revision int64, err error) {
	for _, target := range o.targets {
		if revision, err = probeTarget(o, target); err == nil {
			return revision, nil
		}
	}
	return 0, err
}

func probeTarget(o options, target string) (int64, error) {
	o.targets, o.connections, o.streams = []string{target}, 1, 1
	result, err := counted(probeWorkload(), o, 1)
	if err != nil {
		return 0, err
	}
	for text := range result.tally.errors {
		return 0, errors.New(text)
	}
	return result.tally.revisionLast, nil
}

// waitReady probes until the server answers, at most o.duration, and returns the revision.
func waitReady(o options) (int64, error) {
	for deadline := time.Now().Add(o.duration); ; time.Sleep(2 * time.Millisecond) {
		revision, err := probeRevision(o)
		if err == nil || time.Now().After(deadline) {
			return revision, err
		}
	}
}
