package main

import (
	"errors"
	"fmt"
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// storage is MemoryStorage with what a member knows beside it.
type storage struct {
	*raft.MemoryStorage
	// The configuration found at the next start.
	initial *pb.ConfState
	// No snapshot can be had at the moment.
	isWithheld bool
}

func (s *storage) InitialState() (*pb.HardState, *pb.ConfState, error) {
	hard, _, err := s.MemoryStorage.InitialState()
	return hard, s.initial, err
}

func (s *storage) Snapshot() (*pb.Snapshot, error) {
	if s.isWithheld {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.MemoryStorage.Snapshot()
}

// member is one node and its disk. After each action it does all that is to be done: everything is durable before the next, and applied,
// unless it was told to hold that back.
type member struct {
	id      uint64
	options options
	storage *storage
	node    *raft.RawNode
	// The configuration at the applied index.
	conf    *pb.ConfState
	applied uint64
	// The commit index of the last write that had to be synced: a crash leaves this or more.
	syncedCommit uint64
	// Entries that were handed out and are not applied yet. While isHolding, none are.
	queue     []*pb.Entry
	isHolding bool
}

func newMember(number uint64, opts options, start *pb.Snapshot) *member {
	memory := raft.NewMemoryStorage()
	must(memory.ApplySnapshot(start))
	metadata := start.GetMetadata()
	if metadata.GetIndex() > 0 {
		must(memory.SetHardState(&pb.HardState{
			Term: new(metadata.GetTerm()), Vote: new(uint64(0)), Commit: new(metadata.GetIndex()),
		}))
	}
	return &member{
		id: number, options: opts, storage: &storage{MemoryStorage: memory, initial: metadata.GetConfState()},
		conf: metadata.GetConfState(), applied: metadata.GetIndex(), syncedCommit: metadata.GetIndex(),
	}
}

// start makes the node from what is on the disk, with the configuration of the applied index.
func (m *member) start() {
	m.storage.initial = m.conf
	m.queue, m.isHolding = nil, false
	node, err := raft.NewRawNode(&raft.Config{
		ID: m.id, ElectionTick: m.options.ElectionTicks, HeartbeatTick: m.options.HeartbeatTicks,
		Storage: m.storage, Applied: m.applied, AsyncStorageWrites: true, MaxCommittedSizePerReady: math.MaxInt64,
		MaxSizePerMsg: m.options.MessageBytesMax, MaxUncommittedEntriesSize: m.options.UncommittedBytesMax,
		MaxInflightMsgs: m.options.InflightMessagesMax, MaxInflightBytes: m.options.InflightBytesMax,
		CheckQuorum: m.options.CheckQuorum, PreVote: m.options.PreVote, StepDownOnRemoval: m.options.StepDownOnRemoval,
		Logger: silent{},
	})
	must(err)
	m.node = node
}

// restartFrom forgets what was applied after the snapshot, and the commit index above `commit`.
func (m *member) restartFrom(snapshot *pb.Snapshot, commit uint64) {
	metadata := snapshot.GetMetadata()
	m.applied, m.conf = metadata.GetIndex(), metadata.GetConfState()
	hard, _, _ := m.storage.InitialState()
	if !raft.IsEmptyHardState(hard) {
		must(m.storage.SetHardState(&pb.HardState{Term: hard.Term, Vote: hard.Vote, Commit: new(commit)}))
	}
	m.start()
}

// settle does what the node asks for until it asks for nothing, in the order of a member with one disk: send, write, answer; and, when
// all of that is done, apply.
func (m *member) settle(out *step) (sent []*pb.Message) {
	for {
		for m.node.HasReady() {
			sent = append(sent, m.settleReady(m.node.Ready(), out)...)
		}
		if m.isHolding || len(m.queue) == 0 {
			return sent
		}
		entries := m.queue
		m.queue = nil
		m.apply(entries, out)
		_ = m.node.Step(&pb.Message{
			Type: pb.MsgStorageApplyResp.Enum(), To: new(m.id), From: new(raft.LocalApplyThread), Entries: entries,
		})
	}
}

func (m *member) settleReady(ready raft.Ready, out *step) (sent []*pb.Message) {
	send := func(message *pb.Message) {
		sent = append(sent, proto.Clone(message).(*pb.Message))
		out.Messages = append(out.Messages, lineOfMessage(message))
	}
	for _, read := range ready.ReadStates {
		out.Reads = append(out.Reads, readLine{read.Index, fmt.Sprintf("%x", read.RequestCtx)})
	}
	var write *pb.Message
	for _, message := range ready.Messages {
		switch message.GetType() {
		case pb.MsgStorageAppend:
			write = message
		case pb.MsgStorageApply:
			out.Committed = append(out.Committed, entryLines(message.GetEntries())...)
			m.queue = append(m.queue, message.GetEntries()...)
		default:
			send(message)
		}
	}
	if write == nil {
		return sent
	}
	m.write(write)
	for _, response := range write.GetResponses() {
		if response.GetTo() == m.id {
			_ = m.node.Step(proto.Clone(response).(*pb.Message))
		} else {
			send(response)
		}
	}
	return sent
}

func (m *member) write(message *pb.Message) {
	if snapshot := message.GetSnapshot(); !raft.IsEmptySnap(snapshot) {
		must(m.storage.ApplySnapshot(snapshot))
		m.storage.isWithheld = false
		// It has overtaken what waits to be applied.
		m.queue = nil
		m.conf, m.applied = snapshot.GetMetadata().GetConfState(), snapshot.GetMetadata().GetIndex()
	}
	must(m.storage.Append(message.GetEntries()))
	before, _, err := m.storage.InitialState()
	must(err)
	hard := before
	if message.GetTerm() > 0 || message.GetVote() > 0 || message.GetCommit() > 0 {
		hard = &pb.HardState{Term: message.Term, Vote: message.Vote, Commit: message.Commit}
		must(m.storage.SetHardState(hard))
	}
	if raft.MustSync(hard, before, len(message.GetEntries())) || !raft.IsEmptySnap(message.GetSnapshot()) {
		m.syncedCommit = hard.GetCommit()
	}
}

func (m *member) apply(entries []*pb.Entry, out *step) {
	for _, entry := range entries {
		m.applied = entry.GetIndex()
		var change pb.ConfChangeI
		switch entry.GetType() {
		case pb.EntryConfChange:
			v1 := &pb.ConfChange{}
			must(proto.Unmarshal(entry.GetData(), v1))
			change = v1
		case pb.EntryConfChangeV2:
			v2 := &pb.ConfChangeV2{}
			must(proto.Unmarshal(entry.GetData(), v2))
			change = v2
		default:
			continue
		}
		conf, err := m.applyConfChange(change)
		if err != nil {
			out.ConfStates = append(out.ConfStates, nil)
			continue
		}
		m.conf = conf
		line := lineOfConf(conf)
		out.ConfStates = append(out.ConfStates, &line)
	}
}

// applyConfChange turns the panic at a change that the configuration does not allow into an error; nothing was changed by then.
func (m *member) applyConfChange(change pb.ConfChangeI) (conf *pb.ConfState, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			isRefusal := false
			if err, isRefusal = problem.(error); !isRefusal {
				panic(problem)
			}
		}
	}()
	return m.node.ApplyConfChange(change), nil
}

func (m *member) status(order []uint64) statusLine {
	line := lineOfStatus(m.node.Status(), order)
	// Status leaves this one out.
	line.Conf.AutoLeave = m.conf.GetAutoLeave()
	last, err := m.storage.LastIndex()
	must(err)
	line.LastIndex = last
	line.LastTerm, err = m.storage.Term(last)
	must(err)
	return line
}

func isDropped(err error) bool {
	if err != nil && !errors.Is(err, raft.ErrProposalDropped) {
		panic(err)
	}
	return err != nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// silent is a raft.Logger that says nothing.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(args ...any)       { panic(fmt.Sprint(args...)) }
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
func (silent) Panic(args ...any) { panic(fmt.Sprint(args...)) }
func (silent) Panicf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
