// A second opinion on linearizability: judges histories of a key-value store with porcupine.
//
// Reads one history per line, a JSON array of operations on single keys (see test/sim/checkers/porcupine.ts), and answers
// each line with "ok", "illegal" or "unknown" (not decided in time). The keys are judged apart.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	lineBytesMax = 64 << 20
	timeMax      = 10 * time.Second
)

type operation struct {
	Client   int     `json:"client"`
	Kind     string  `json:"kind"`
	Key      string  `json:"key"`
	Value    string  `json:"value"`
	Expected *string `json:"expected"`
	Call     int64   `json:"call"`
	// Nil when the outcome is unknown.
	Return *int64  `json:"return"`
	Found  *string `json:"found"`
	// Of a delete or a cas: whether it took effect.
	Done bool `json:"done"`
}

// The value of one key; nil when it does not exist.
type state = *string

func isEqual(left, right state) bool {
	if left == nil || right == nil {
		return left == right
	}
	return *left == *right
}

// An operation of unknown outcome is placed at the end of time or before, with whatever outcome it then has.
func step(before, input, _ interface{}) (bool, interface{}) {
	value := before.(state)
	op := input.(operation)
	isKnown := op.Return != nil
	switch op.Kind {
	case "get":
		return !isKnown || isEqual(value, op.Found), value
	case "put":
		return true, &op.Value
	case "delete":
		return !isKnown || op.Done == (value != nil), state(nil)
	case "cas":
		holds := isEqual(value, op.Expected)
		if isKnown && op.Done != holds {
			return false, value
		}
		if holds {
			return true, &op.Value
		}
		return true, value
	}
	fail(fmt.Errorf("no operation is called %q", op.Kind))
	return false, nil
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, each := range history {
			key := each.Input.(operation).Key
			byKey[key] = append(byKey[key], each)
		}
		parts := make([][]porcupine.Operation, 0, len(byKey))
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init:  func() interface{} { return state(nil) },
	Step:  step,
	Equal: func(left, right interface{}) bool { return isEqual(left.(state), right.(state)) },
}

func judge(line []byte) (porcupine.CheckResult, error) {
	var operations []operation
	if err := json.Unmarshal(line, &operations); err != nil {
		return porcupine.Unknown, err
	}
	history := make([]porcupine.Operation, 0, len(operations))
	for _, op := range operations {
		end := int64(math.MaxInt64)
		if op.Return != nil {
			end = *op.Return
		}
		history = append(history, porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Return: end})
	}
	return porcupine.CheckOperationsTimeout(model, history, timeMax), nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		result, err := judge(lines.Bytes())
		if err != nil {
			fail(err)
		}
		switch result {
		case porcupine.Ok:
			fmt.Println("ok")
		case porcupine.Illegal:
			fmt.Println("illegal")
		default:
			fmt.Println("unknown")
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "porcupine:", err)
	os.Exit(1)
}
