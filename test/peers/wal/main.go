// Reads and writes logs with etcd's own wal package, so that a test can compare both directions.
//
//	wal-peer read <dir> [index term]            one JSON line per entry, then one with hard state and metadata
//	wal-peer snapshots <dir>                    one JSON line per valid snapshot record
//	wal-peer write <dir> <count> <segmentBytes> a log of count entries with conf changes, votes and snapshots
//	wal-peer append <dir> <count>               reads everything, appends count entries behind the last one
//	wal-peer repair <dir>                       etcd's repair of a torn tail; prints true or false
//	wal-peer snap <snapDir> <walDir>            the newest .snap file that the log knows, as one JSON line
//	wal-peer lock <file>                        etcd's lock on a file; prints "free" or "locked"
package main

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

type entryLine struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  int32  `json:"type"`
	Data  string `json:"data"`
}

// Ids are decimal text: JSON numbers end at 2^53.
type lastLine struct {
	Term      uint64 `json:"term"`
	Vote      string `json:"vote"`
	Commit    uint64 `json:"commit"`
	NodeID    string `json:"nodeId"`
	ClusterID string `json:"clusterId"`
}

type snapshotLine struct {
	Index  uint64   `json:"index"`
	Term   uint64   `json:"term"`
	Voters []string `json:"voters"`
}

type snapLine struct {
	Index   uint64               `json:"index"`
	Term    uint64               `json:"term"`
	Voters  []string             `json:"voters"`
	Members []*membership.Member `json:"members"`
	Removed []string             `json:"removed"`
	Version string               `json:"version"`
}

const nodeID, clusterID = uint64(0x8e9e05c52164694d), uint64(0xcdf818194e3a8c32)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: wal-peer read|snapshots|write|append|repair|snap|lock <dir> ..."))
	}
	dir := os.Args[2]
	switch os.Args[1] {
	case "read":
		read(dir, number(3), number(4))
	case "snapshots":
		snapshots(dir)
	case "write":
		write(dir, number(3), number(4))
	case "append":
		appendTo(dir, number(3))
	case "snap":
		newestSnap(dir, os.Args[3])
	case "lock":
		lock(dir)
	case "repair":
		fmt.Println(wal.Repair(zap.NewNop(), dir))
	default:
		fail(fmt.Errorf("unknown command %q", os.Args[1]))
	}
}

func read(dir string, index, term uint64) {
	w, err := wal.OpenForRead(zap.NewNop(), dir, &walpb.Snapshot{Index: &index, Term: &term})
	check(err)
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	check(err)
	for _, e := range entries {
		line(entryLine{e.GetIndex(), e.GetTerm(), int32(e.GetType()), hex.EncodeToString(e.GetData())})
	}
	var m etcdserverpb.Metadata
	check(proto.Unmarshal(metadata, &m))
	line(lastLine{state.GetTerm(), text(state.GetVote()), state.GetCommit(), text(m.GetNodeID()), text(m.GetClusterID())})
}

func snapshots(dir string) {
	found, err := wal.ValidSnapshotEntries(zap.NewNop(), dir)
	check(err)
	for _, s := range found {
		voters := []string{}
		for _, id := range s.GetConfState().GetVoters() {
			voters = append(voters, text(id))
		}
		line(snapshotLine{s.GetIndex(), s.GetTerm(), voters})
	}
}

// What etcd 3.6 does with a .snap file at its start: the membership comes back out of the v2 store.
func newestSnap(dir, walDir string) {
	known, err := wal.ValidSnapshotEntries(zap.NewNop(), walDir)
	check(err)
	s, err := snap.New(zap.NewNop(), dir).LoadNewestAvailable(known)
	check(err)
	store := v2store.New("/0", "/1")
	check(store.Recovery(s.GetData()))
	isMetaOnly, err := membership.IsMetaStoreOnly(store)
	check(err)
	if !isMetaOnly {
		fail(fmt.Errorf("the v2 store holds more than the membership"))
	}
	members, removed := membership.MembersFromStore(zap.NewNop(), store)
	out := snapLine{Index: s.GetMetadata().GetIndex(), Term: s.GetMetadata().GetTerm(), Removed: []string{}}
	for _, id := range s.GetMetadata().GetConfState().GetVoters() {
		out.Voters = append(out.Voters, text(id))
	}
	for _, m := range members {
		out.Members = append(out.Members, m)
	}
	slices.SortFunc(out.Members, func(a, b *membership.Member) int { return cmp.Compare(a.ID, b.ID) })
	for id := range removed {
		out.Removed = append(out.Removed, id.String())
	}
	slices.Sort(out.Removed)
	if version, err := store.Get("/0/version", false, false); err == nil {
		out.Version = *version.Node.Value
	}
	line(out)
}

func lock(path string) {
	file, err := fileutil.TryLockFile(path, os.O_WRONLY, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		fmt.Println("locked")
		return
	}
	check(err)
	fmt.Println("free")
	check(file.Close())
}

// Every 50th entry is a conf change and begins a new term with a vote, every 70th is empty as a new leader's is, and
// behind every 100th a snapshot is recorded.
func write(dir string, count, segmentBytes uint64) {
	wal.SegmentSizeBytes = int64(segmentBytes)
	metadata, err := proto.Marshal(&etcdserverpb.Metadata{NodeID: new(nodeID), ClusterID: new(clusterID)})
	check(err)
	w, err := wal.Create(zap.NewNop(), dir, metadata)
	check(err)
	save(w, 1, count)
	check(w.Close())
}

func appendTo(dir string, count uint64) {
	w, err := wal.Open(zap.NewNop(), dir, &walpb.Snapshot{Index: new(uint64(0)), Term: new(uint64(0))})
	check(err)
	_, _, entries, err := w.ReadAll()
	check(err)
	save(w, uint64(len(entries))+1, count)
	check(w.Close())
}

func save(w *wal.WAL, from, count uint64) {
	for i := from; i < from+count; i++ {
		term := 1 + i/50
		e := &raftpb.Entry{Term: new(term), Index: new(i)}
		switch {
		case i%50 == 0:
			cc := &raftpb.ConfChange{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(i)}
			data, err := proto.Marshal(cc)
			check(err)
			e.Type, e.Data = raftpb.EntryConfChange.Enum(), data
		case i%70 != 0:
			e.Data = []byte(strings.Repeat("v", int(i%700)))
		}
		check(w.Save(&raftpb.HardState{Term: new(term), Vote: new(nodeID), Commit: new(i)}, []*raftpb.Entry{e}))
		if i%100 == 0 {
			conf := &raftpb.ConfState{Voters: []uint64{nodeID, i}, AutoLeave: new(false)}
			check(w.SaveSnapshot(&walpb.Snapshot{Index: new(i), Term: new(term), ConfState: conf}))
		}
	}
}

func number(at int) uint64 {
	if at >= len(os.Args) {
		return 0
	}
	n, err := strconv.ParseUint(os.Args[at], 10, 64)
	check(err)
	return n
}

func text(id uint64) string { return strconv.FormatUint(id, 10) }

func line(v any) {
	out, err := json.Marshal(v)
	check(err)
	fmt.Println(string(out))
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
