package main

import (
	"encoding/hex"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/quorum"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// The lines of a trace. Ids are decimal strings, because JSON's readers round numbers above 2^53; what is zero or empty is left out.

// header is the first line of a schedule.
type header struct {
	Seed    uint64  `json:"seed"`
	Options options `json:"options"`
	// The state from which the first members start. Those that join later start empty, unless the log begins at its begin.
	Start   snapshotLine `json:"start"`
	Members []id         `json:"members"`
	Joiners []id         `json:"joiners"`
}

type options struct {
	ElectionTicks       int    `json:"electionTicks"`
	HeartbeatTicks      int    `json:"heartbeatTicks"`
	MessageBytesMax     uint64 `json:"messageBytesMax"`
	InflightMessagesMax int    `json:"inflightMessagesMax"`
	// Zero: no limit.
	InflightBytesMax    uint64 `json:"inflightBytesMax"`
	UncommittedBytesMax uint64 `json:"uncommittedBytesMax"`
	CheckQuorum         bool   `json:"checkQuorum"`
	PreVote             bool   `json:"preVote"`
	StepDownOnRemoval   bool   `json:"stepDownOnRemoval"`
}

// step is what one action on one node led to, until the node had nothing left to do.
type step struct {
	Action action `json:"action"`
	// The random numbers drawn, each in [0, electionTicks).
	Draws []int `json:"draws,omitempty"`
	// The proposal was not accepted.
	Dropped   bool          `json:"dropped,omitempty"`
	Messages  []messageLine `json:"messages,omitempty"`
	Committed []entryLine   `json:"committed,omitempty"`
	Reads     []readLine    `json:"reads,omitempty"`
	// One for each conf change applied; null when it was refused.
	ConfStates []*confLine `json:"confStates,omitempty"`
	Status     statusLine  `json:"status"`
}

// action is what was done to a node. Which fields count depends on the kind.
type action struct {
	Kind string `json:"kind"`
	Node id     `json:"node"`
	// deliver: number of the message in the order in which this schedule's messages were sent, from 0.
	Message int `json:"message,omitempty"`
	// propose, proposeConf.
	Entries []entryLine `json:"entries,omitempty"`
	// proposeConf, as Go sees it; the entry holds the same as bytes.
	Change *changeLine `json:"change,omitempty"`
	// readIndex.
	Context string `json:"context,omitempty"`
	// transferLeader, reportUnreachable, reportSnapshot.
	Peer id `json:"peer,omitempty,string"`
	// reportSnapshot.
	Failed bool `json:"failed,omitempty"`
	// compact: up to where the log goes. restart: what is in the applied state.
	Index uint64 `json:"index,omitempty"`
	// restart: the commit index on disk.
	Commit uint64 `json:"commit,omitempty"`
}

type changeLine struct {
	// 1 or 2.
	Version    int          `json:"version"`
	ID         uint64       `json:"id,omitempty,string"`
	Transition int32        `json:"transition,omitempty"`
	Changes    []singleLine `json:"changes"`
	Context    string       `json:"context,omitempty"`
}

type singleLine struct {
	Type int32 `json:"type"`
	Node id    `json:"node"`
}

type entryLine struct {
	Term  uint64 `json:"term,omitempty"`
	Index uint64 `json:"index,omitempty"`
	Type  int32  `json:"type,omitempty"`
	Data  string `json:"data,omitempty"`
}

type snapshotLine struct {
	Index uint64   `json:"index"`
	Term  uint64   `json:"term"`
	Conf  confLine `json:"conf"`
}

type messageLine struct {
	Type       string        `json:"type"`
	To         id            `json:"to"`
	From       id            `json:"from"`
	Term       uint64        `json:"term,omitempty"`
	LogTerm    uint64        `json:"logTerm,omitempty"`
	Index      uint64        `json:"index,omitempty"`
	Entries    []entryLine   `json:"entries,omitempty"`
	Commit     uint64        `json:"commit,omitempty"`
	Snapshot   *snapshotLine `json:"snapshot,omitempty"`
	Reject     bool          `json:"reject,omitempty"`
	RejectHint uint64        `json:"rejectHint,omitempty"`
	Context    string        `json:"context,omitempty"`
}

type readLine struct {
	Index   uint64 `json:"index"`
	Context string `json:"context"`
}

type confLine struct {
	Voters       []id `json:"voters,omitempty"`
	Learners     []id `json:"learners,omitempty"`
	Outgoing     []id `json:"outgoing,omitempty"`
	LearnersNext []id `json:"learnersNext,omitempty"`
	AutoLeave    bool `json:"autoLeave,omitempty"`
}

type statusLine struct {
	Role           string         `json:"role"`
	Term           uint64         `json:"term,omitempty"`
	Vote           id             `json:"vote"`
	Lead           id             `json:"lead"`
	Committed      uint64         `json:"committed,omitempty"`
	Applied        uint64         `json:"applied,omitempty"`
	LastIndex      uint64         `json:"lastIndex,omitempty"`
	LastTerm       uint64         `json:"lastTerm,omitempty"`
	LeadTransferee id             `json:"leadTransferee"`
	Conf           confLine       `json:"conf"`
	Progress       []progressLine `json:"progress,omitempty"`
}

type progressLine struct {
	ID              id     `json:"id"`
	IsLearner       bool   `json:"isLearner,omitempty"`
	State           string `json:"state"`
	Match           uint64 `json:"match,omitempty"`
	Next            uint64 `json:"next"`
	IsRecentActive  bool   `json:"isRecentActive,omitempty"`
	IsPaused        bool   `json:"isPaused,omitempty"`
	PendingSnapshot uint64 `json:"pendingSnapshot,omitempty"`
	InflightCount   int    `json:"inflightCount,omitempty"`
}

func entryLines(entries []*pb.Entry) []entryLine {
	lines := make([]entryLine, 0, len(entries))
	for _, entry := range entries {
		lines = append(lines, entryLine{
			Term: entry.GetTerm(), Index: entry.GetIndex(), Type: int32(entry.GetType()), Data: hex.EncodeToString(entry.GetData()),
		})
	}
	return lines
}

func ids(numbers []uint64) []id {
	list := make([]id, 0, len(numbers))
	for _, number := range numbers {
		list = append(list, id(number))
	}
	return list
}

func lineOfConf(conf *pb.ConfState) confLine {
	return confLine{
		Voters: ids(conf.GetVoters()), Learners: ids(conf.GetLearners()), Outgoing: ids(conf.GetVotersOutgoing()),
		LearnersNext: ids(conf.GetLearnersNext()), AutoLeave: conf.GetAutoLeave(),
	}
}

func lineOfMessage(message *pb.Message) messageLine {
	line := messageLine{
		Type: message.GetType().String(), To: id(message.GetTo()), From: id(message.GetFrom()), Term: message.GetTerm(),
		LogTerm: message.GetLogTerm(), Index: message.GetIndex(), Entries: entryLines(message.GetEntries()),
		Commit: message.GetCommit(), Reject: message.GetReject(), RejectHint: message.GetRejectHint(),
		Context: hex.EncodeToString(message.GetContext()),
	}
	if snapshot := message.GetSnapshot(); !raft.IsEmptySnap(snapshot) {
		metadata := snapshot.GetMetadata()
		line.Snapshot = &snapshotLine{metadata.GetIndex(), metadata.GetTerm(), lineOfConf(metadata.GetConfState())}
	}
	return line
}

var roles = map[raft.StateType]string{
	raft.StateFollower: "follower", raft.StatePreCandidate: "preCandidate",
	raft.StateCandidate: "candidate", raft.StateLeader: "leader",
}

var progressStates = map[tracker.StateType]string{
	tracker.StateProbe: "probe", tracker.StateReplicate: "replicate", tracker.StateSnapshot: "snapshot",
}

func lineOfStatus(status raft.Status, order []uint64) statusLine {
	config := status.Config
	line := statusLine{
		Role: roles[status.RaftState], Term: status.GetTerm(), Vote: id(status.GetVote()), Lead: id(status.Lead),
		Committed: status.GetCommit(), Applied: status.Applied, LeadTransferee: id(status.LeadTransferee),
		Conf: confLine{
			Voters: ids(config.Voters[0].Slice()), Outgoing: ids(config.Voters[1].Slice()),
			Learners:     ids(quorum.MajorityConfig(config.Learners).Slice()),
			LearnersNext: ids(quorum.MajorityConfig(config.LearnersNext).Slice()),
		},
	}
	for _, number := range order {
		progress, isThere := status.Progress[number]
		if !isThere {
			continue
		}
		line.Progress = append(line.Progress, progressLine{
			ID: id(number), IsLearner: progress.IsLearner, State: progressStates[progress.State],
			Match: progress.Match, Next: progress.Next, IsRecentActive: progress.RecentActive, IsPaused: progress.IsPaused(),
			PendingSnapshot: progress.PendingSnapshot, InflightCount: progress.Inflights.Count(),
		})
	}
	return line
}
