package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

func signalled() *failover {
	o := options{targets: []string{"leader", "other"}, signalPid: 1, signal: "TERM"}
	f := newFailover(o, 0)
	f.sent, f.lastAck = 1000*ms, 1000*ms
	return f
}

func TestOnlyACallSentAfterTheSignalThroughAnotherTargetEndsAFailOver(t *testing.T) {
	f := signalled()
	f.acknowledged("other", &call{start: 990 * ms}, 1001*ms)   // was under way
	f.acknowledged("leader", &call{start: 1001 * ms}, 1002*ms) // the old leader's
	if r := f.report(); r.FirstAck != -1 || r.LongestGap != -1 || r.ServedWithout != -1 {
		t.Fatalf("%+v", r)
	}
	f.acknowledged("other", &call{start: 1003 * ms}, 1250*ms)
	f.gone = 1300 * ms
	f.acknowledged("other", &call{start: 1299 * ms}, 1310*ms) // sent before the end of the process
	if f.served != 0 || f.isOver(9000*ms) {
		t.Fatal("over before a call was sent to the others alone")
	}
	f.acknowledged("other", &call{start: 1301 * ms}, 1320*ms)
	if r := f.report(); r.FirstAck != 250 || r.ProcessGone != 300 || r.ServedWithout != 320 {
		t.Fatalf("%+v", r)
	}
	if f.isOver(1320*ms+settleTime-1) || !f.isOver(1320*ms+settleTime) {
		t.Fatal("is not over when it settled")
	}
}

func TestTheLongestGapIsTheLongestTimeWithoutAnyAcknowledgement(t *testing.T) {
	f := signalled()
	f.gone = 1005 * ms
	for _, at := range []int64{1010, 1400, 1410, 1500} {
		f.acknowledged("other", &call{start: 1005 * ms}, at*ms)
	}
	if r := f.report(); r.LongestGap != 390 || r.LongestGapAt != 10 {
		t.Fatalf("%+v", r)
	}
}

func TestBeforeTheSignalNothingIsMeasuredAndNoConnectionMayEnd(t *testing.T) {
	f := newFailover(options{targets: []string{"leader", "other"}}, 0)
	f.acknowledged("other", &call{start: 1}, 2)
	if len(f.keys) != 1 {
		t.Fatal("the key of an acknowledged put is forgotten")
	}
	if f.lastAck != 0 || f.firstAck != 0 || f.mayEnd("leader") {
		t.Fatal("measured before the signal")
	}
	f = signalled()
	if !f.mayEnd("leader") || f.mayEnd("other") {
		t.Fatal("only the signalled server's connections may end")
	}
}

func TestTheEndOfAProcessIsSeen(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if hasEnded(child.Process.Pid) {
		t.Error("ended while it runs")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !hasEnded(child.Process.Pid) { // a zombie until Wait
		time.Sleep(time.Millisecond)
	}
	_ = child.Wait()
	if !hasEnded(child.Process.Pid) {
		t.Error("runs after its end")
	}
}

func TestACpuReaderKeepsWhatAProcessHadThatIsGone(t *testing.T) {
	r := newCpuReader([]int{1 << 30})
	r.last[1<<30] = 2.5
	if got := r.read().server; got != 2.5 {
		t.Errorf("%v", got)
	}
}

func TestAFailOverRunNeedsAnOpenLoopAndAConnectionToEachOfSeveralTargets(t *testing.T) {
	for args, good := range map[string]bool{
		"--target=a,b --rate=10 --connections=2":              true,
		"--target=a,b --connections=2":                        false,
		"--target=a --rate=10 --connections=2":                false,
		"--target=a,b --rate=10 --connections=1":              false,
		"--target=a,b --rate=10 --connections=2 --signal=HUP": false,
	} {
		_, err := parseOptions(append([]string{"put", "--signal-pid=7"}, strings.Fields(args)...))
		if (err == nil) != good {
			t.Errorf("%s: %v", args, err)
		}
	}
}
