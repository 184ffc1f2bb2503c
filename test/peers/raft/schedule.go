package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// schedule is one cluster under random actions. Everything is drawn from the seed.
type schedule struct {
	random  *rand.Rand
	out     *json.Encoder
	options options
	// All members, also those that are not in the configuration yet. Ascending.
	order   []uint64
	members map[uint64]*member
	// All messages ever sent; a delivery names one by its number.
	sent []*pb.Message
	// Numbers of those on their way, the oldest first.
	flying []int
	// Members that no message reaches or leaves at the moment.
	cutOff map[uint64]bool
	// Of 100 deliveries: how many are out of order, lost, made twice.
	reorderPercent, lossPercent, repeatPercent int
	tickWeight                                 int
	cutLength                                  int
	draws                                      []int
	proposals                                  int
}

const (
	joinersMax     = 2
	deliverPercent = 70
	flyingMax      = 60
	dataBytesMax   = 40
	bigIdentifiers = uint64(1) << 63
)

// Read makes the schedule the source of crypto/rand, from which raft draws its election timeouts: one byte per draw, in range at once.
func (s *schedule) Read(bytes []byte) (int, error) {
	for at := range bytes {
		draw := s.random.IntN(s.options.ElectionTicks)
		s.draws = append(s.draws, draw)
		bytes[at] = byte(draw)
	}
	return len(bytes), nil
}

func newSchedule(seed uint64, out *json.Encoder) *schedule {
	random := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{
		random: random, out: out, members: map[uint64]*member{}, cutOff: map[uint64]bool{},
		reorderPercent: random.IntN(3) * 15, lossPercent: random.IntN(3) * 5, repeatPercent: random.IntN(3) * 5,
		tickWeight: []int{10, 25, 50}[random.IntN(3)], cutLength: []int{10, 40}[random.IntN(2)],
	}
	s.options = s.anyOptions()
	return s
}

func (s *schedule) anyOptions() options {
	heartbeatTicks := 1 + s.random.IntN(2)
	messageBytesMax := []uint64{1, 30, 100, 1 << 20}[s.random.IntN(4)]
	return options{
		HeartbeatTicks: heartbeatTicks, ElectionTicks: heartbeatTicks + 2 + s.random.IntN(10),
		MessageBytesMax: messageBytesMax, InflightMessagesMax: []int{1, 2, 4, 256}[s.random.IntN(4)],
		InflightBytesMax:    []uint64{0, 0, messageBytesMax + 30}[s.random.IntN(3)],
		UncommittedBytesMax: []uint64{0, 0, 60, 300}[s.random.IntN(4)],
		CheckQuorum:         s.random.IntN(3) > 0, PreVote: s.random.IntN(2) == 0, StepDownOnRemoval: s.random.IntN(3) > 0,
	}
}

// run prints the header and then a line for each action.
func (s *schedule) run(seed uint64, actions int) {
	members, joiners, start := s.anyCluster()
	metadata := start.GetMetadata()
	s.print(header{
		Seed: seed, Options: s.options, Members: ids(members), Joiners: ids(joiners),
		Start: snapshotLine{metadata.GetIndex(), metadata.GetTerm(), lineOfConf(metadata.GetConfState())},
	})
	for _, number := range s.order {
		// Conf changes need the configuration that they were made for: at the begin of the log all know it, later a snapshot brings it.
		from := &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: &pb.ConfState{}, Index: new(uint64(0)), Term: new(uint64(0))}}
		if metadata.GetIndex() == 0 || slices.Contains(members, number) {
			from = start
		}
		s.members[number] = newMember(number, s.options, from)
		s.perform(action{Kind: "start", Node: id(number)}, func(m *member) bool {
			m.start()
			return false
		})
	}
	for range actions {
		s.act()
	}
}

func (s *schedule) anyCluster() (members, joiners []uint64, start *pb.Snapshot) {
	voters, learners := 1+s.random.IntN(5), s.random.IntN(3)
	for number := range voters + learners + joinersMax {
		identifier := uint64(number + 1)
		// Of all 64 bits, on both sides of the sign of a signed number.
		if s.random.IntN(2) == 0 {
			identifier += bigIdentifiers
		}
		s.order = append(s.order, identifier)
	}
	shuffled := slices.Clone(s.order)
	s.random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.Sort(s.order)
	members, joiners = shuffled[:voters+learners], shuffled[voters+learners:]
	conf := &pb.ConfState{
		Voters: slices.Sorted(slices.Values(members[:voters])), Learners: slices.Sorted(slices.Values(members[voters:])),
		AutoLeave: new(false),
	}
	index := uint64(s.random.IntN(2) * 10)
	return members, joiners, &pb.Snapshot{
		Metadata: &pb.SnapshotMetadata{ConfState: conf, Index: new(index), Term: new(index / 10)},
	}
}

// perform does something to a member, lets it settle, and prints what came of it. `do` tells whether a proposal was dropped.
func (s *schedule) perform(what action, do func(*member) bool) {
	m := s.members[uint64(what.Node)]
	s.draws = nil
	line := step{Action: what, Dropped: do(m)}
	for _, message := range m.settle(&line) {
		s.flying = append(s.flying, len(s.sent))
		s.sent = append(s.sent, message)
	}
	line.Draws = s.draws
	line.Status = m.status(s.order)
	s.print(line)
}

func (s *schedule) print(line any) {
	if err := s.out.Encode(line); err != nil {
		fail(err)
	}
}

// deliver takes a message off the network, if it is not lost; the oldest, or any.
func (s *schedule) deliver() {
	at := 0
	if s.random.IntN(100) < s.reorderPercent {
		at = s.random.IntN(len(s.flying))
	}
	number := s.flying[at]
	message := s.sent[number]
	if s.random.IntN(100) >= s.repeatPercent {
		s.flying = slices.Delete(s.flying, at, at+1)
	}
	isCut := s.cutOff[message.GetTo()] || s.cutOff[message.GetFrom()]
	if isCut || s.random.IntN(100) < s.lossPercent || s.members[message.GetTo()] == nil {
		return
	}
	s.perform(action{Kind: "deliver", Node: id(message.GetTo()), Message: number}, func(m *member) bool {
		// Raft keeps and changes what it is given.
		_ = m.node.Step(proto.Clone(message).(*pb.Message))
		return false
	})
}

// id is printed as a decimal string.
type id uint64

func (i id) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%d"`, uint64(i)), nil }
