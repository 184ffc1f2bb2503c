package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// failover sends the signal of a fail-over run and measures from it, on the clock of the run, how the servers that stay
// take over. The signalled server is that of the first target; its connections may end, the others' may not.
type failover struct {
	pid    int
	signal syscall.Signal
	target string
	due    int64 // when the signal is to be sent

	sent      int64 // when it was sent, gone: when the process had ended; 0 before
	gone      int64
	firstAck  int64 // the first acknowledgement, through another target, of a call that was sent after the signal
	served    int64 // the same of a call that was sent after the process had ended: the others serve without it
	lastAck   int64 // of any call through any target
	longest   int64 // the longest time without an acknowledgement since the signal
	longestAt int64 // when that began

	keys []uint64 // ids of all acknowledged puts, so that each can be looked for afterwards
}

// The run goes on for this long after the others serve, so that a second gap would be seen.
const settleTime = int64(300 * time.Millisecond)

// How often the loop looks whether the process is gone.
const goneCheckInterval = int64(time.Millisecond)

func newFailover(o options, warmEnd int64) *failover {
	f := &failover{pid: o.signalPid, signal: syscall.SIGKILL, target: o.targets[0], due: warmEnd + int64(o.signalAfter)}
	if o.signal == "TERM" {
		f.signal = syscall.SIGTERM
	}
	return f
}

// mayEnd says whether the end of a connection to `target` belongs to the plan.
func (f *failover) mayEnd(target string) bool { return f.sent != 0 && target == f.target }

// advance sends the signal when it is due, and notices the end of the process.
func (f *failover) advance(r *run, cpu *cpuReader) error {
	switch {
	case f.sent == 0 && r.now() >= f.due:
		cpu.read() // the last of this process
		f.sent = r.now()
		f.lastAck = f.sent
		if err := syscall.Kill(f.pid, f.signal); err != nil {
			return fmt.Errorf("signal to process %d: %w", f.pid, err)
		}
	case f.sent != 0 && f.gone == 0 && hasEnded(f.pid):
		f.gone = r.now()
	}
	return nil
}

// wake is when advance wants to be called again.
func (f *failover) wake(now int64) int64 {
	switch {
	case f.sent == 0:
		return f.due
	case f.gone == 0:
		return now + goneCheckInterval
	}
	return unlimited
}

func (f *failover) isOver(now int64) bool { return f.served != 0 && now >= f.served+settleTime }

// acknowledged notes an acknowledged call to `target`.
func (f *failover) acknowledged(target string, call *call, now int64) {
	start := call.start // when it was sent or should have been
	f.keys = append(f.keys, call.want.key)
	if f.sent == 0 {
		return
	}
	if gap := now - f.lastAck; gap > f.longest {
		f.longest, f.longestAt = gap, f.lastAck
	}
	f.lastAck = now
	if target == f.target {
		return
	}
	if f.firstAck == 0 && start >= f.sent {
		f.firstAck = now
	}
	if f.served == 0 && f.gone != 0 && start >= f.gone {
		f.served = now
	}
}

// hasEnded: no such process, or one whose parent has not yet asked how it ended.
func hasEnded(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || processState(stat) == 'Z' || processState(stat) == 'X'
}

// failoverReport: milliseconds since the signal; -1 for what did not come about before the end of the run.
type failoverReport struct {
	FirstAck      float64 `json:"firstAckMillis"`
	LongestGap    float64 `json:"longestGapMillis"`
	LongestGapAt  float64 `json:"longestGapAtMillis"`
	ProcessGone   float64 `json:"processGoneMillis"`
	ServedWithout float64 `json:"servedWithoutMillis"`

	AcknowledgedKeys []uint64 `json:"acknowledgedKeys"`
}

func (f *failover) report() *failoverReport {
	if f == nil {
		return nil
	}
	since := func(at int64) float64 {
		if at == 0 {
			return -1
		}
		return float64(at-f.sent) / 1e6
	}
	longest := float64(f.longest) / 1e6
	if f.served == 0 {
		longest = -1
	}
	return &failoverReport{since(f.firstAck), longest, since(f.longestAt), since(f.gone), since(f.served), f.keys}
}
