package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// usage is CPU time in seconds, user and system: of this process, of the servers' (all their threads), of the machine, and
// what the hypervisor gave to others.
type usage struct{ own, server, machine, stolen float64 }

func (u usage) minus(v usage) usage {
	return usage{u.own - v.own, u.server - v.server, u.machine - v.machine, u.stolen - v.stolen}
}

// others is what neither this process nor the servers used: whatever disturbed the measurement, and kernel threads.
func (u usage) others() float64 { return max(0, u.machine-u.own-u.server) }

// ticksPerSecond is USER_HZ, the unit of /proc/PID/stat: 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuReader reads the CPU time of some processes. A process that is gone keeps what it had when it was last read.
type cpuReader struct {
	pids []int
	last map[int]float64
}

func newCpuReader(pids []int) *cpuReader { return &cpuReader{pids, map[int]float64{}} }

func (r *cpuReader) read() usage {
	var self syscall.Rusage
	var u usage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) == nil {
		u.own = seconds(self.Utime) + seconds(self.Stime)
	}
	for _, pid := range r.pids {
		r.last[pid] = max(r.last[pid], processCpu(pid))
		u.server += r.last[pid]
	}
	u.machine, u.stolen = machineCpu()
	return u
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// processCpu is utime + stime of proc(5)'s stat, or 0 when the process is gone.
func processCpu(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := statFields(stat)
	if len(fields) < 13 {
		return 0
	}
	return ticks(fields[11]) + ticks(fields[12])
}

// statFields are those behind the command's name, which is in parentheses and may hold spaces.
func statFields(stat []byte) [][]byte { return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) }

// processState is the letter of proc(5)'s stat, R, S, Z and others; 0 of what is no such line.
func processState(stat []byte) byte {
	if fields := statFields(stat); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// machineCpu is user + nice + system, and steal, of all cores together (proc(5), stat).
func machineCpu() (busy, stolen float64) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 {
		return 0, 0
	}
	return ticks(fields[1]) + ticks(fields[2]) + ticks(fields[3]), ticks(fields[8])
}

func ticks(text []byte) float64 {
	n, _ := strconv.ParseUint(string(text), 10, 64) // the kernel writes nothing but numbers here
	return float64(n) / ticksPerSecond
}
