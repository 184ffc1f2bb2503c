package main

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/protobuf/proto"
)

func (r *run) campaigning(ctx context.Context, name string, lease int64, value string) chan answer {
	return begin(func() (proto.Message, error) {
		return r.election.Campaign(ctx, &v3electionpb.CampaignRequest{Name: []byte(name), Lease: lease, Value: []byte(value)})
	})
}

func (r *run) campaignNow(name string, lease int64, value string) {
	r.end(fmt.Sprintf("campaign %q by %d with %q", name, lease, value), r.campaigning(soon(), name, lease, value))
}

func (r *run) leader(name string) {
	resp, err := r.election.Leader(soon(), &v3electionpb.LeaderRequest{Name: []byte(name)})
	r.say(fmt.Sprintf("leader of %q", name), resp, err)
}

func (r *run) proclaim(what string, leader *v3electionpb.LeaderKey, value string) {
	resp, err := r.election.Proclaim(soon(), &v3electionpb.ProclaimRequest{Leader: leader, Value: []byte(value)})
	r.say("proclaim "+what, resp, err)
}

func (r *run) resign(what string, leader *v3electionpb.LeaderKey) {
	resp, err := r.election.Resign(soon(), &v3electionpb.ResignRequest{Leader: leader})
	r.say("resign "+what, resp, err)
}

// proof is what a candidate with this lease would show, with the create revision its key has now.
func (r *run) proof(name string, lease int64) *v3electionpb.LeaderKey {
	key := fmt.Sprintf("%s/%x", name, lease)
	resp, err := r.kv.Range(soon(), &pb.RangeRequest{Key: []byte(key)})
	must(err)
	if len(resp.Kvs) != 1 {
		fail("there is no key %q", key)
	}
	return &v3electionpb.LeaderKey{Name: []byte(name), Key: []byte(key), Rev: resp.Kvs[0].CreateRevision, Lease: lease}
}

func (r *run) campaigns() {
	r.leader("e")
	r.proclaim("without a leader", nil, "x")
	r.resign("without a leader", nil)
	r.campaignNow("e", 4711, "x")
	r.campaignNow("e", 10, "one")
	r.leader("e")
	r.campaignNow("e", 10, "one")
	r.campaignNow("e", 10, "other")
	r.leader("e")
	r.campaignNow("", 11, "")
	r.leader("")
	r.resign("of no name", r.proof("", 11))

	first := r.proof("e", 10)
	second := r.campaigning(soon(), "e", 12, "two")
	r.until("e/", 2)
	third := r.campaigning(soon(), "e", 13, "three")
	r.until("e/", 3)
	r.leader("e")
	r.proclaim("by a candidate who waits", r.proof("e", 12), "impatient")
	r.waits("second", second)
	r.leader("e")
	r.list("e/")
	wrong := r.proof("e", 10)
	wrong.Rev--
	r.proclaim("with another revision", wrong, "x")
	r.resign("with another revision", wrong)
	r.leader("e")
	r.resign("of the first", first)
	r.end("second", second)
	r.leader("e")
	r.proclaim("by who has resigned", first, "x")
	r.resign("twice", first)
	r.revoke(12)
	r.end("third", third)
	r.leader("e")
	r.resign("of the third", r.proof("e", 13))
	r.leader("e")

	r.campaignNow("g", 14, "holds")
	ctx, cancel := context.WithCancel(soon())
	gone := r.campaigning(ctx, "g", 15, "gone")
	r.until("g/", 2)
	lost := r.campaigning(soon(), "g", 16, "lost")
	r.until("g/", 3)
	lostProof := r.proof("g", 16)
	cancel()
	r.end("gone", gone)
	r.until("g/", 2)
	r.list("g/")
	r.revoke(16)
	r.until("g/", 1)
	r.waits("lost", lost)
	r.resign("of the holder", r.proof("g", 14))
	r.end("elected without a lease", lost)
	r.proclaim("without a lease", lostProof, "x")
	r.leader("g")
}

// observing is one Observe stream.
type observing struct {
	run    *run
	what   string
	values chan answer
	cancel context.CancelFunc
}

func (r *run) observing(name string) *observing {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := r.election.Observe(ctx, &v3electionpb.LeaderRequest{Name: []byte(name)})
	must(err)
	o := &observing{r, fmt.Sprintf("observe %q", name), make(chan answer, 100), cancel}
	go func() {
		for {
			message, err := stream.Recv()
			o.values <- answer{message, err}
			if err != nil {
				return
			}
		}
	}()
	return o
}

func (o *observing) next() { o.run.end(o.what, o.values) }

func (r *run) observes() {
	early := r.observing("o")
	time.Sleep(100 * time.Millisecond)
	r.put("unrelated", "")
	r.campaignNow("o", 17, "first")
	early.next()
	r.proclaim("one", r.proof("o", 17), "second")
	early.next()
	r.proclaim("two", r.proof("o", 17), "third")
	early.next()
	late := r.observing("o")
	late.next()
	heir := r.campaigning(soon(), "o", 18, "heir")
	r.until("o/", 2)
	r.proclaim("by who waits", r.proof("o", 18), "heir of all")
	r.proclaim("three", r.proof("o", 17), "fourth")
	early.next()
	late.next()
	r.resign("of the observed", r.proof("o", 17))
	r.end("heir", heir)
	early.next()
	late.next()
	late.cancel()
	late.next()
	r.revoke(18)
	r.until("o/", 0)
	// The observer has to look before the next one comes; it then waits for the first put.
	time.Sleep(200 * time.Millisecond)
	r.campaignNow("o", 19, "again")
	early.next()
	early.cancel()
	early.next()

	nobody, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	stream, err := r.election.Observe(nobody, &v3electionpb.LeaderRequest{Name: []byte("nobody")})
	must(err)
	_, err = stream.Recv()
	r.say("observe nobody", nil, err)
}

// offices are proofs that no server has given.
func (r *run) offices() {
	r.proclaim("without a key", &v3electionpb.LeaderKey{Lease: 1}, "x")
	r.resign("without a key", &v3electionpb.LeaderKey{Lease: 1})
	r.proclaim("of a key that is not there", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: 7, Lease: 1}, "x")
	r.proclaim("at revision 0", &v3electionpb.LeaderKey{Key: []byte("z/1"), Lease: 1}, "made")
	r.list("z/")
	r.proclaim("by another lease", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: r.proof("z", 1).Rev, Lease: 2}, "moved")
	r.list("z/")
	r.proclaim("by a lease that is not there", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: r.proof("z", 1).Rev, Lease: 999}, "x")
	r.proclaim("at a revision beyond all", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: 1<<63 - 1, Lease: 1}, "x")
	r.proclaim("at a negative revision", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: -1, Lease: 1}, "x")
	r.proclaim("without a lease", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: r.proof("z", 1).Rev}, "mine")
	kvs := r.keys("z/").Kvs
	r.mask(kvs[0].Lease)
	r.list("z/")
	r.resign("without a lease", &v3electionpb.LeaderKey{Key: []byte("z/1"), Rev: r.proof("z", 1).Rev})
	r.list("z/")
	r.leader("z")
}
