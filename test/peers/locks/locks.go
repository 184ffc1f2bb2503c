package main

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/protobuf/proto"
)

func (r *run) locking(ctx context.Context, name string, lease int64) chan answer {
	return begin(func() (proto.Message, error) {
		return r.lock.Lock(ctx, &v3lockpb.LockRequest{Name: []byte(name), Lease: lease})
	})
}

func (r *run) lockNow(name string, lease int64) {
	r.end(fmt.Sprintf("lock %q by %d", name, lease), r.locking(soon(), name, lease))
}

func (r *run) unlock(key string) {
	resp, err := r.lock.Unlock(soon(), &v3lockpb.UnlockRequest{Key: []byte(key)})
	r.say(fmt.Sprintf("unlock %q", key), resp, err)
}

// locks are calls that wait for nobody.
func (r *run) locks() {
	r.lockNow("a", 12345)
	r.lockNow("a", -26)
	r.lockNow("a", 1)
	r.lockNow("a", 1)
	r.list("a/")
	r.unlock("a/1")
	r.unlock("a/1")
	r.unlock("")
	r.unlock("never")
	r.lockNow("", 26)
	r.list("/")
	r.unlock("/1a")
	r.lockNow("b/c", 1)
	r.lockNow("\xff\xfe\x00", 2)
	r.list("\xff")
	r.unlock("b/c/1")

	resp, err := r.lock.Lock(soon(), &v3lockpb.LockRequest{Name: []byte("own")})
	must(err)
	kvs := r.keys("own/").Kvs
	if len(kvs) != 1 {
		fail("a lock without a lease left %d keys", len(kvs))
	}
	r.mask(kvs[0].Lease, resp.Key)
	if want := fmt.Sprintf("own/%x", kvs[0].Lease); string(resp.Key) != want {
		fail("the key is %q and not %q", resp.Key, want)
	}
	r.say("lock without a lease", resp, nil)
	times, err := r.lease.LeaseTimeToLive(soon(), &pb.LeaseTimeToLiveRequest{ID: kvs[0].Lease, Keys: true})
	must(err)
	r.say("the lease of its own", &pb.LeaseTimeToLiveResponse{GrantedTTL: times.GrantedTTL, Keys: times.Keys}, nil)
	r.unlock(string(resp.Key))
}

// lockWaits are calls that wait for others.
func (r *run) lockWaits() {
	r.lockNow("w", 1)
	second := r.locking(soon(), "w", 2)
	r.until("w/", 2)
	third := r.locking(soon(), "w", 3)
	r.until("w/", 3)
	r.waits("second", second)
	r.list("w/")
	r.unlock("w/1")
	r.end("second", second)
	r.waits("third", third)
	r.unlock("w/2")
	r.end("third", third)

	ctx, cancel := context.WithCancel(soon())
	gone := r.locking(ctx, "w", 4)
	r.until("w/", 2)
	last := r.locking(soon(), "w", 5)
	r.until("w/", 3)
	cancel()
	r.end("gone", gone)
	r.until("w/", 2)
	r.waits("last", last)
	r.unlock("w/3")
	r.end("last", last)

	late, cancelLate := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancelLate()
	r.end("late", r.locking(late, "w", 6))
	r.until("w/", 1)
	r.list("w/")

	expired := r.locking(soon(), "w", 7)
	r.until("w/", 2)
	r.revoke(7)
	r.until("w/", 1)
	r.waits("expired", expired)
	r.unlock("w/5")
	r.end("expired", expired)

	r.lockNow("x", 8)
	heir := r.locking(soon(), "x", 9)
	r.until("x/", 2)
	r.revoke(8)
	r.end("heir", heir)

	r.put("f/stranger", "")
	behind := r.locking(soon(), "f", 1)
	r.until("f/", 2)
	r.del("f/stranger")
	r.end("behind a stranger", behind)
	r.put("f/younger", "")
	r.lockNow("f", 1)

	r.lockNow("p/q", 1)
	outer := r.locking(soon(), "p", 2)
	r.until("p/", 2)
	r.put("p/q/1", "still there")
	r.waits("outer", outer)
	r.unlock("p/q/1")
	r.end("outer", outer)
	r.lockNow("p", 2)
}
