// Command load drives an etcd server with unary gRPC calls and measures it: the load generator of `npm run bench`.
//
// It shares its machine with the server it measures, so it is as light as it can be: its own HTTP/2 framing, no allocation
// per call, one read and one write for many calls. And it believes nothing: each answer must have grpc-status 0 and hold
// what was asked for.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

type report struct {
	Mode           string            `json:"mode"`
	Connections    int               `json:"connections"`
	Streams        int               `json:"streams"`
	Rate           float64           `json:"rate,omitempty"`
	Seconds        float64           `json:"seconds"`
	Acknowledged   uint64            `json:"acknowledged"` // warm-up, window and drain together
	Warmup         uint64            `json:"warmup"`
	Measured       uint64            `json:"measured"`
	Drained        uint64            `json:"drained"`
	OpsPerSecond   float64           `json:"opsPerSecond"`
	Errors         uint64            `json:"errors"`
	ErrorTexts     map[string]uint64 `json:"errorTexts"`
	Lost           uint64            `json:"lost,omitempty"` // fail-over: calls without a result, not among the errors
	LostTexts      map[string]uint64 `json:"lostTexts,omitempty"`
	Failover       *failoverReport   `json:"failover,omitempty"`
	Latency        latencies         `json:"latencyMicros"`
	RevisionBefore int64             `json:"revisionBefore"` // by a linearizable read before the first and after the last call
	RevisionAfter  int64             `json:"revisionAfter"`
	RevisionFirst  int64             `json:"revisionFirst"` // lowest and highest in the answers themselves
	RevisionLast   int64             `json:"revisionLast"`
	Writes         bool              `json:"writes"` // each acknowledged call should be one revision
	KeysRepeated   uint64            `json:"keysRepeated"`
	Puts           uint64            `json:"puts,omitempty"`          // watch: in the window; what is measured are events then
	CreatedMillis  float64           `json:"createdMillis,omitempty"` // watch: from the first request for a watch to the last answer
	Late           uint64            `json:"late"`
	QueuedMax      int               `json:"queuedMax"`
	LoadCpu        float64           `json:"loadCpuSeconds"`
	ServerCpu      float64           `json:"serverCpuSeconds"`
	OthersCpu      float64           `json:"othersCpuSeconds"` // everything else on the machine
	Stolen         float64           `json:"stolenSeconds"`
}

type latencies struct {
	P50  uint64 `json:"p50"`
	P90  uint64 `json:"p90"`
	P99  uint64 `json:"p99"`
	P999 uint64 `json:"p999"`
	Max  uint64 `json:"max"`
}

func main() {
	// Next to nothing is allocated once the connections stand; a collection would only disturb the measurement.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	o, err := parseOptions(os.Args[1:])
	if err == nil {
		err = execute(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func execute(o options) error {
	if o.mode == "probe" {
		revision, err := waitReady(o)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(report{Mode: o.mode, RevisionBefore: revision, RevisionAfter: revision})
	}
	before, err := probeRevision(o)
	if err != nil {
		return err
	}
	keys := o.space()
	result, writes, err := measure(o, keys)
	if err != nil {
		return err
	}
	after, err := probeRevision(o)
	if err != nil {
		return fmt.Errorf("the revision afterwards: %w (errors of the run: %v)", err, result.tally.errors)
	}
	r := newReport(o, &result)
	r.RevisionBefore, r.RevisionAfter, r.Writes = before, after, writes
	if !o.overwrite && result.fanout == nil {
		r.KeysRepeated = keys.repeated()
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// measure runs what was asked for, and says whether each acknowledged call was to be one revision.
func measure(o options, keys *keySpace) (result outcome, writes bool, err error) {
	switch o.mode {
	case "watch":
		result, err = timedWatch(o)
		return result, true, err
	case "keep-alive":
		result, err = timedKeepAlive(o)
		return result, false, err
	}
	work, err := chooseWorkload(o, keys)
	if err != nil {
		return outcome{}, false, err
	}
	if o.mode == "fill" {
		result, err = counted(work, o, o.keys)
	} else {
		result, err = timed(work, o)
	}
	return result, work.writes, err
}

func chooseWorkload(o options, keys *keySpace) (*workload, error) {
	switch o.mode {
	case "fill", "put":
		return putWorkload(keys, o.valueSize), nil
	case "txn":
		return txnWorkload(keys, o.valueSize), nil
	case "range":
		return rangeWorkload(o.keys, o.rangeKeys, o.serializable, o.valueSize), nil
	}
	return nil, fmt.Errorf("unknown mode %q; see load --help", o.mode)
}

func newReport(o options, result *outcome) report {
	t := &result.tally
	r := report{
		Mode: o.mode, Connections: o.connections, Streams: o.streams, Rate: o.rate, Seconds: result.seconds,
		Acknowledged: t.acknowledged(), Warmup: t.warmup, Measured: t.measured, Drained: t.drained,
		OpsPerSecond: float64(t.measured) / result.seconds, Errors: sum(t.errors), ErrorTexts: t.errors,
		Lost: sum(t.lost), LostTexts: t.lost, Failover: result.changes.report(),
		Latency:       latenciesOf(&t.latency),
		RevisionFirst: t.revisionFirst, RevisionLast: t.revisionLast,
		Late: t.late, QueuedMax: t.queuedMax, LoadCpu: result.spent.own, ServerCpu: result.spent.server,
		OthersCpu: result.spent.others(), Stolen: result.spent.stolen,
	}
	if f := result.fanout; f != nil {
		r.Puts, r.Measured, r.Latency = t.measured, f.measured, latenciesOf(&f.latency)
		r.OpsPerSecond, r.CreatedMillis = float64(f.measured)/result.seconds, float64(f.createdIn)/1e6
	}
	return r
}

func latenciesOf(h *histogram) latencies {
	return latencies{h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), h.quantile(0.999), h.max}
}
