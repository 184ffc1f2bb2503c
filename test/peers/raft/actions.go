package main

import (
	"encoding/hex"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// act does one thing. Deliveries are most of what happens, or no leader would ever last.
func (s *schedule) act() {
	campaignWeight := 1
	if !s.hasLeader() {
		campaignWeight = 15
	}
	if len(s.flying) > flyingMax || (len(s.flying) > 0 && s.random.IntN(100) < deliverPercent) {
		s.deliver()
		return
	}
	if len(s.cutOff) > 0 && s.random.IntN(s.cutLength) == 0 {
		clear(s.cutOff)
	}
	choices := []struct {
		weight int
		do     func()
	}{
		{s.tickWeight, s.tick}, {18, s.propose}, {10, s.proposeConf}, {8, s.readIndex}, {campaignWeight, s.campaign}, {4, s.transferLeader},
		{6, s.compact}, {1, s.withholdSnapshot}, {2, s.reportUnreachable}, {3, s.reportSnapshot}, {2, s.restart},
		{1, s.forgetLeader}, {4, s.holdApply}, {3, s.cut},
	}
	total := 0
	for _, choice := range choices {
		total += choice.weight
	}
	at := s.random.IntN(total)
	for _, choice := range choices {
		if at -= choice.weight; at < 0 {
			choice.do()
			return
		}
	}
}

func (s *schedule) hasLeader() bool {
	for _, m := range s.members {
		if m.node.BasicStatus().RaftState == raft.StateLeader {
			return true
		}
	}
	return false
}

func (s *schedule) any() uint64 { return s.order[s.random.IntN(len(s.order))] }

// leaderOrAny is mostly a member that leads, where there is one.
func (s *schedule) leaderOrAny() uint64 {
	if s.random.IntN(5) > 0 {
		for _, at := range s.random.Perm(len(s.order)) {
			if s.members[s.order[at]].node.BasicStatus().RaftState == raft.StateLeader {
				return s.order[at]
			}
		}
	}
	return s.any()
}

func (s *schedule) tick() {
	number := s.leaderOrAny()
	if s.random.IntN(2) == 0 {
		number = s.any()
	}
	ticks := 1 + s.random.IntN(2)
	if !s.hasLeader() {
		ticks += s.random.IntN(s.options.ElectionTicks)
	}
	for range ticks {
		s.perform(action{Kind: "tick", Node: id(number)}, func(m *member) bool {
			m.node.Tick()
			return false
		})
	}
}

// campaign makes one member campaign, or several at once, so that votes collide.
func (s *schedule) campaign() {
	for range 1 + s.random.IntN(3) {
		s.perform(action{Kind: "campaign", Node: id(s.any())}, func(m *member) bool {
			must(m.node.Campaign())
			return false
		})
	}
}

// holdApply: nothing is applied on that member until it is told so.
func (s *schedule) holdApply() {
	number := s.leaderOrAny()
	kind := "hold"
	if s.members[number].isHolding {
		kind = "resume"
	}
	s.perform(action{Kind: kind, Node: id(number)}, func(m *member) bool {
		m.isHolding = !m.isHolding
		return false
	})
}

// propose proposes one entry or a few at once; some are empty.
func (s *schedule) propose() {
	var entries []*pb.Entry
	for range 1 + s.random.IntN(3) {
		s.proposals++
		entry := &pb.Entry{}
		if length := s.random.IntN(dataBytesMax); length > 0 {
			entry.Data = make([]byte, length)
			copy(entry.Data, fmt.Sprintf("%d", s.proposals))
		}
		entries = append(entries, entry)
	}
	number := s.leaderOrAny()
	s.perform(action{Kind: "propose", Node: id(number), Entries: entryLines(entries)}, func(m *member) bool {
		return isDropped(m.node.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: new(number), Entries: entries}))
	})
}

// proposeConf proposes any change, also such as the leader refuses or the configuration does not allow.
//
// Where messages are cut by bytes, only changes that are not refused and not empty: the empty entry that Go puts in the place of a
// refused one has an explicit type of zero, an empty change has explicit data of length zero, and both are two bytes longer than they
// need to be, a difference without meaning that ours does not make.
func (s *schedule) proposeConf() {
	number := s.leaderOrAny()
	isJoint := len(s.members[number].conf.GetVotersOutgoing()) > 0
	isLeave := isJoint && s.random.IntN(3) > 0 || s.random.IntN(15) == 0
	isCutByBytes := s.options.MessageBytesMax > 1 && s.options.MessageBytesMax < 1<<20
	if isCutByBytes && (isLeave != isJoint || !s.takesConfChanges(number)) {
		return
	}
	var change pb.ConfChangeI
	line := changeLine{Version: 2}
	switch {
	case isLeave:
		v2 := &pb.ConfChangeV2{}
		if isCutByBytes || s.random.IntN(2) == 0 {
			v2.Context = []byte("context")
		}
		change = v2
	case s.random.IntN(2) == 0:
		line.Version = 1
		line.ID = s.random.Uint64()
		single := s.anySingle(&line)
		v1 := &pb.ConfChange{Id: new(line.ID), Type: single.Type, NodeId: single.NodeId}
		if s.random.IntN(2) == 0 {
			v1.Context = []byte("context")
		}
		change = v1
	default:
		line.Transition = int32(s.random.IntN(3))
		v2 := &pb.ConfChangeV2{Transition: pb.ConfChangeTransition(line.Transition).Enum()}
		for range 1 + s.random.IntN(4) {
			v2.Changes = append(v2.Changes, s.anySingle(&line))
		}
		if s.random.IntN(2) == 0 {
			v2.Context = []byte("context")
		}
		change = v2
	}
	line.Context = hex.EncodeToString(change.AsV2().GetContext())
	kind, data, err := pb.MarshalConfChange(change)
	must(err)
	entries := []*pb.Entry{{Type: kind.Enum(), Data: data}}
	what := action{Kind: "proposeConf", Node: id(number), Entries: entryLines(entries), Change: &line}
	s.perform(what, func(m *member) bool { return isDropped(m.node.ProposeConfChange(change)) })
}

// takesConfChanges: it leads, and there is nothing in its log that could be an unapplied change.
func (s *schedule) takesConfChanges(number uint64) bool {
	m := s.members[number]
	last, err := m.storage.LastIndex()
	must(err)
	return m.node.BasicStatus().RaftState == raft.StateLeader && m.applied == last
}

// anySingle makes one change, and adds it to the line. Additions are more than removals; id 0 stands for "nobody".
func (s *schedule) anySingle(line *changeLine) *pb.ConfChangeSingle {
	kind := []pb.ConfChangeType{
		pb.ConfChangeAddNode, pb.ConfChangeAddNode, pb.ConfChangeAddNode,
		pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode, pb.ConfChangeUpdateNode,
	}[s.random.IntN(6)]
	number := s.any()
	if s.random.IntN(20) == 0 {
		number = 0
	}
	line.Changes = append(line.Changes, singleLine{int32(kind), id(number)})
	return &pb.ConfChangeSingle{Type: kind.Enum(), NodeId: new(number)}
}

func (s *schedule) readIndex() {
	s.proposals++
	context := fmt.Appendf(nil, "read-%d", s.proposals)
	what := action{Kind: "readIndex", Node: id(s.leaderOrAny()), Context: hex.EncodeToString(context)}
	s.perform(what, func(m *member) bool {
		m.node.ReadIndex(context)
		return false
	})
}

func (s *schedule) transferLeader() {
	peer := s.any()
	s.perform(action{Kind: "transferLeader", Node: id(s.leaderOrAny()), Peer: id(peer)}, func(m *member) bool {
		m.node.TransferLeader(peer)
		return false
	})
}

func (s *schedule) reportUnreachable() {
	peer := s.any()
	s.perform(action{Kind: "reportUnreachable", Node: id(s.leaderOrAny()), Peer: id(peer)}, func(m *member) bool {
		m.node.ReportUnreachable(peer)
		return false
	})
}

// reportSnapshot tells the leader, mostly of a member that is being sent one.
func (s *schedule) reportSnapshot() {
	number, peer, isFailed := s.leaderOrAny(), s.any(), s.random.IntN(2) == 0
	progress := s.members[number].node.Status().Progress
	for _, each := range s.order {
		if progress[each].State == tracker.StateSnapshot && s.random.IntN(4) > 0 {
			peer = each
		}
	}
	status := raft.SnapshotFinish
	if isFailed {
		status = raft.SnapshotFailure
	}
	what := action{Kind: "reportSnapshot", Node: id(number), Peer: id(peer), Failed: isFailed}
	s.perform(what, func(m *member) bool {
		m.node.ReportSnapshot(peer, status)
		return false
	})
}

func (s *schedule) forgetLeader() {
	s.perform(action{Kind: "forgetLeader", Node: id(s.any())}, func(m *member) bool {
		must(m.node.ForgetLeader())
		return false
	})
}

// compact makes a snapshot of the applied state and lets go of the log up to there, or of less.
func (s *schedule) compact() {
	number := s.leaderOrAny()
	m := s.members[number]
	snapshot, err := m.storage.MemoryStorage.Snapshot()
	must(err)
	first, err := m.storage.FirstIndex()
	must(err)
	if m.applied <= snapshot.GetMetadata().GetIndex() || m.applied < first {
		return
	}
	index := m.applied
	if s.random.IntN(2) == 0 {
		index = first + s.random.Uint64N(m.applied-first+1)
	}
	s.perform(action{Kind: "compact", Node: id(number), Index: index}, func(m *member) bool {
		_, err := m.storage.CreateSnapshot(m.applied, m.conf, nil)
		must(err)
		m.storage.isWithheld = false
		must(m.storage.Compact(index))
		return false
	})
}

// withholdSnapshot: until the next one is made, none can be had.
func (s *schedule) withholdSnapshot() {
	s.perform(action{Kind: "withholdSnapshot", Node: id(s.leaderOrAny())}, func(m *member) bool {
		m.storage.isWithheld = true
		return false
	})
}

// restart: from all that was applied, or from the snapshot, with a commit index that may lag.
func (s *schedule) restart() {
	number := s.any()
	m := s.members[number]
	snapshot, err := m.storage.MemoryStorage.Snapshot()
	must(err)
	hard, _, err := m.storage.InitialState()
	must(err)
	from := snapshot.GetMetadata().GetIndex()
	if s.random.IntN(2) == 0 {
		what := action{Kind: "restart", Node: id(number), Index: m.applied, Commit: hard.GetCommit()}
		s.perform(what, func(m *member) bool {
			m.start()
			return false
		})
		return
	}
	least := max(from, m.syncedCommit)
	commit := least + s.random.Uint64N(hard.GetCommit()-least+1)
	s.perform(action{Kind: "restart", Node: id(number), Index: from, Commit: commit}, func(m *member) bool {
		m.restartFrom(snapshot, commit)
		return false
	})
}

// cut takes a member off the network, or two, for a while.
func (s *schedule) cut() {
	for range 1 + s.random.IntN(2) {
		s.cutOff[s.leaderOrAny()] = true
	}
}
