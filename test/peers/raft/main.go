// Drives go.etcd.io/raft through random schedules and prints what each action led to, as JSON lines: the judge of node/raft.
//
//	raft FIRST-SEED SCHEDULES ACTIONS
//
// A schedule is a cluster of one to five voters, with learners and with members that join later. Messages are delivered late, twice, out
// of order or never. After each action the node that it was done to does all it has to do, so that a trace does not depend on how fast a
// disk is. See trace.go for the lines, test/unit/raft/go-traces.test.ts for the reader.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: raft FIRST-SEED SCHEDULES ACTIONS"))
	}
	var numbers [3]uint64
	for at, arg := range os.Args[1:] {
		number, err := strconv.ParseUint(arg, 10, 32)
		if err != nil {
			fail(err)
		}
		numbers[at] = number
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	for seed := numbers[0]; seed < numbers[0]+numbers[1]; seed++ {
		s := newSchedule(seed, encoder)
		rand.Reader = s
		s.run(seed, int(numbers[2]))
	}
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "raft:", err)
	os.Exit(1)
}
