// Calls the Lock and Election services of the server at the address given, by a fixed script on an empty store, and prints one JSON line for each
// answer. What differs from run to run (raft's term, leases that the server chose) is masked, so that the lines of two servers can be compared.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// patience is how long anything may take that must happen.
const patience = 20 * time.Second

type run struct {
	kv       pb.KVClient
	lease    pb.LeaseClient
	lock     v3lockpb.LockClient
	election v3electionpb.ElectionClient
	// chosen holds leases that the server chose, to be masked.
	chosen []string
}

var term = regexp.MustCompile(`"raftTerm":"\d+"`)

func main() {
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fail("connecting: %v", err)
	}
	r := &run{
		kv:       pb.NewKVClient(conn),
		lease:    pb.NewLeaseClient(conn),
		lock:     v3lockpb.NewLockClient(conn),
		election: v3electionpb.NewElectionClient(conn),
	}
	for id := int64(1); id <= 30; id++ {
		_, err := r.lease.LeaseGrant(soon(), &pb.LeaseGrantRequest{ID: id, TTL: 600})
		must(err)
	}
	r.locks()
	r.lockWaits()
	r.campaigns()
	r.observes()
	r.offices()
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	_ = cancel
	return ctx
}

// say prints one answer.
func (r *run) say(what string, message proto.Message, err error) {
	line := map[string]any{"call": r.masked(what)}
	if err != nil {
		s := status.Convert(err)
		line["code"] = s.Code().String()
		// Where the client gave up, its library and the server race to say so.
		if s.Code() != codes.Canceled && s.Code() != codes.DeadlineExceeded {
			line["text"] = s.Message()
		}
	} else {
		raw, err := protojson.Marshal(message)
		must(err)
		var compact bytes.Buffer
		must(json.Compact(&compact, raw))
		line["answer"] = r.masked(term.ReplaceAllString(compact.String(), `"raftTerm":"masked"`))
	}
	out, err := json.Marshal(line)
	must(err)
	fmt.Println(string(out))
}

func (r *run) masked(text string) string {
	for _, chosen := range r.chosen {
		text = strings.ReplaceAll(text, chosen, "masked")
	}
	return text
}

// mask hides what belongs to a lease that the server chose: the id, and keys that end with it.
func (r *run) mask(id int64, keys ...[]byte) {
	r.chosen = append(r.chosen, fmt.Sprint(id), fmt.Sprintf("%x", id))
	for _, key := range keys {
		raw, err := json.Marshal(key)
		must(err)
		r.chosen = append(r.chosen, string(raw))
	}
}

func (r *run) keys(prefix string) *pb.RangeResponse {
	end := []byte(prefix)
	end[len(end)-1]++
	resp, err := r.kv.Range(soon(), &pb.RangeRequest{Key: []byte(prefix), RangeEnd: end})
	must(err)
	return resp
}

func (r *run) list(prefix string) { r.say("range "+prefix, r.keys(prefix), nil) }

// until waits for so many keys.
func (r *run) until(prefix string, count int64) {
	for began := time.Now(); r.keys(prefix).Count != count; time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > patience {
			fail("there are not %d keys below %q", count, prefix)
		}
	}
}

func (r *run) put(key, value string) {
	_, err := r.kv.Put(soon(), &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	must(err)
}

func (r *run) del(key string) {
	_, err := r.kv.DeleteRange(soon(), &pb.DeleteRangeRequest{Key: []byte(key)})
	must(err)
}

func (r *run) revoke(id int64) {
	_, err := r.lease.LeaseRevoke(soon(), &pb.LeaseRevokeRequest{ID: id})
	must(err)
}

// answer is a call that is under way.
type answer struct {
	message proto.Message
	err     error
}

func begin(call func() (proto.Message, error)) chan answer {
	done := make(chan answer, 1)
	go func() {
		message, err := call()
		done <- answer{message, err}
	}()
	return done
}

func (r *run) end(what string, done chan answer) {
	select {
	case a := <-done:
		r.say(what, a.message, a.err)
	case <-time.After(patience):
		fail("%s did not end", what)
	}
}

func (r *run) waits(what string, done chan answer) {
	select {
	case a := <-done:
		fail("%s ended while it had to wait: %v %v", what, a.message, a.err)
	default:
	}
}
