package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"sync"

	"go.etcd.io/etcd/client/pkg/v3/types"
	httptypes "go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// line is what is printed: {"event": "ready", ...}, {"event": "message", ...} and so on.
type line map[string]any

var (
	stdout     sync.Mutex
	out        = json.NewEncoder(os.Stdout)
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func say(l line) {
	stdout.Lock()
	defer stdout.Unlock()
	check(out.Encode(l))
}

// member is what the transport takes for raft. It judges messages as EtcdServer.Process does and prints them.
type member struct {
	id          types.ID
	isHex       bool
	snapshotter *snap.Snapshotter

	mu      sync.Mutex
	removed map[types.ID]bool
}

func (m *member) Process(_ context.Context, msg *raftpb.Message) error {
	if m.IsIDRemoved(msg.GetFrom()) {
		return httptypes.NewHTTPError(http.StatusForbidden, "cannot process message from removed member")
	}
	if types.ID(msg.GetTo()) != m.id {
		return httptypes.NewHTTPError(http.StatusForbidden, "cannot process message to mismatch member")
	}
	l := line{
		"event": "message", "type": msg.GetType().String(), "from": text(msg.GetFrom()), "to": text(msg.GetTo()),
		"term": msg.GetTerm(), "logTerm": msg.GetLogTerm(), "index": msg.GetIndex(), "commit": msg.GetCommit(),
		"reject": msg.GetReject(), "rejectHint": msg.GetRejectHint(), "context": hex.EncodeToString(msg.GetContext()),
		"entries": len(msg.GetEntries()),
	}
	bytes, crc := 0, uint32(0)
	for _, entry := range msg.GetEntries() {
		bytes += len(entry.GetData())
		crc = crc32.Update(crc, castagnoli, entry.GetData())
	}
	l["dataBytes"], l["dataCrc"] = bytes, crc
	if msg.GetType() == raftpb.MsgSnap {
		l["snapshot"] = m.snapshot(msg.GetSnapshot())
	}
	if m.isHex {
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
		check(err)
		l["hex"] = hex.EncodeToString(encoded)
	}
	say(l)
	return nil
}

// The body has been saved before the message comes, if the message came with one.
func (m *member) snapshot(s *raftpb.Snapshot) line {
	voters := []string{}
	for _, id := range s.GetMetadata().GetConfState().GetVoters() {
		voters = append(voters, text(id))
	}
	l := line{"index": s.GetMetadata().GetIndex(), "term": s.GetMetadata().GetTerm(), "voters": voters, "dataBytes": len(s.GetData())}
	path, err := m.snapshotter.DBFilePath(s.GetMetadata().GetIndex())
	if err != nil {
		return l
	}
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	sum := crc32.New(castagnoli)
	size, err := io.Copy(sum, file)
	check(err)
	l["bodyBytes"], l["bodyCrc"] = size, sum.Sum32()
	return l
}

func (m *member) IsIDRemoved(id uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removed[types.ID(id)]
}

func (m *member) setRemoved(id types.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removed[id] = true
}

func (m *member) ReportUnreachable(id uint64) { say(line{"event": "unreachable", "id": text(id)}) }

func (m *member) ReportSnapshot(id uint64, status raft.SnapshotStatus) {
	outcome := "finished"
	if status == raft.SnapshotFailure {
		outcome = "failed"
	}
	say(line{"event": "snapshotStatus", "id": text(id), "status": outcome})
}

func text(id uint64) string { return types.ID(id).String() }
