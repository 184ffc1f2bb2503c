package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

type options struct {
	mode                 string
	targets              []string
	connections, streams int
	warmup, duration     time.Duration
	rate                 float64
	keys                 uint64
	keyOffset, keySpace  uint64
	order                string
	valueSize            int
	rangeKeys            int
	serializable         bool
	overwrite            bool
	watches              int
	watchKeys            uint64
	putConnections       int
	putStreams           int
	leases               uint64
	ttl                  int
	inFlight             int
	serverPids           []int
	signal               string
	signalPid            int
	signalAfter          time.Duration
	seed                 uint64
	caFile               string
	certFile, keyFile    string
}

const usageText = `load MODE [flags]: drives an etcd with unary gRPC calls and checks every answer. Prints one line of JSON.

  fill   puts the keys 0 to --keys minus 1, once each
  put    puts new keys from the key space; no key twice unless --overwrite
  txn    creates new keys: if absent then put, else get
  range  reads --range-keys neighbouring keys at random among the first --keys
  watch  puts over the first --watch-keys of the key space, which --watches on each stream watch, and measures events
  keep-alive  grants leases with ids from --key-offset on and renews them, --in-flight on each stream
  probe  waits at most --duration for one linearizable read to be answered

With --signal-pid it is a fail-over run: after --signal-after of the window the server at the first target gets --signal, the
arrivals of the open loop go on through the other targets, and the run ends when these are served again, or after --duration.

`

func parseOptions(args []string) (o options, err error) {
	f := flag.NewFlagSet("load", flag.ExitOnError)
	target := f.String("target", "127.0.0.1:2379", "host:port of the server; of several, with commas, connections take them in turn")
	f.IntVar(&o.connections, "connections", 10, "connections")
	f.IntVar(&o.streams, "streams", 100, "calls in flight on each connection")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "time before the measured window; counted apart")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "the measured window")
	f.Float64Var(&o.rate, "rate", 0, "open loop: arrivals per second; 0 is a closed loop")
	f.Uint64Var(&o.keys, "keys", 1_000_000, "keys that are (or, with fill, will be) loaded")
	f.Uint64Var(&o.keyOffset, "key-offset", 0, "put, txn: first id of the key space (default: --keys)")
	f.Uint64Var(&o.keySpace, "key-space", 1<<26, "put, txn: ids in the key space")
	f.BoolVar(&o.overwrite, "overwrite", false, "put: go through the key space again and again instead of once")
	f.StringVar(&o.order, "order", "hashed", "order in which keys are taken from the key space: sequential or hashed")
	f.IntVar(&o.valueSize, "value-size", 256, "bytes of a value, a multiple of 8")
	f.IntVar(&o.rangeKeys, "range-keys", 1, "range: keys of one answer")
	f.BoolVar(&o.serializable, "serializable", false, "range: serializable instead of linearizable")
	f.IntVar(&o.watches, "watches", 10, "watch: watches on each stream")
	f.Uint64Var(&o.watchKeys, "watch-keys", 1, "watch: keys, which the watches take in turn")
	f.IntVar(&o.putConnections, "put-connections", 1, "watch: connections that put")
	f.IntVar(&o.putStreams, "put-streams", 10, "watch: puts in flight on each of them, up to their last event")
	f.Uint64Var(&o.leases, "leases", 10_000, "keep-alive: leases")
	f.IntVar(&o.ttl, "ttl", 60, "keep-alive: their time to live, seconds")
	f.IntVar(&o.inFlight, "in-flight", 100, "keep-alive: renewals in flight on each stream")
	pids := f.String("server-pid", "", "processes, with commas, whose CPU time is measured over the window")
	f.IntVar(&o.signalPid, "signal-pid", 0, "fail-over: process of the first target, which gets the signal")
	f.StringVar(&o.signal, "signal", "KILL", "fail-over: KILL or TERM")
	f.DurationVar(&o.signalAfter, "signal-after", 500*time.Millisecond, "fail-over: time from the start of the window to the signal")
	f.Uint64Var(&o.seed, "seed", 1, "of values, timeouts, arrivals and random keys")
	f.StringVar(&o.caFile, "cacert", "", "CAs of the server: connections are made over TLS")
	f.StringVar(&o.certFile, "cert", "", "certificate to be shown to the server")
	f.StringVar(&o.keyFile, "key", "", "its key")
	f.Usage = func() { fmt.Fprint(f.Output(), usageText); f.PrintDefaults() }
	if len(args) == 0 || args[0][0] == '-' {
		f.Usage()
		return o, fmt.Errorf("no mode given")
	}
	o.mode = args[0]
	if err := f.Parse(args[1:]); err != nil {
		return o, err
	}
	o.targets = strings.Split(*target, ",")
	for _, text := range strings.FieldsFunc(*pids, func(r rune) bool { return r == ',' }) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return o, fmt.Errorf("--server-pid: %w", err)
		}
		o.serverPids = append(o.serverPids, pid)
	}
	if o.keyOffset == 0 {
		o.keyOffset = o.keys
	}
	return o, o.validate(f.Args())
}

func (o *options) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected %q", rest)
	case o.connections < 1 || o.streams < 1:
		return fmt.Errorf("--connections and --streams must be 1 or more")
	case o.valueSize < 8 || o.valueSize%8 != 0 || o.valueSize > 8192:
		return fmt.Errorf("--value-size must be a multiple of 8 from 8 to 8192")
	case o.order != "sequential" && o.order != "hashed":
		return fmt.Errorf("--order must be sequential or hashed")
	case o.rangeKeys < 1 || uint64(o.rangeKeys) > o.keys:
		return fmt.Errorf("--range-keys must be from 1 to --keys")
	case o.keySpace < 200_000 || o.keyOffset+o.keySpace > keyIdMax:
		return fmt.Errorf("--key-space must be 200000 or more and end below %d", uint64(keyIdMax))
	case o.mode == "watch" && (o.watches < 1 || o.watchKeys < 1 || o.connections*o.streams*o.watches%int(o.watchKeys) != 0):
		return fmt.Errorf("the watches must be a multiple of --watch-keys")
	case o.putConnections < 1 || o.putStreams < 1 || o.inFlight < 1 || o.ttl < 1:
		return fmt.Errorf("--put-connections, --put-streams, --in-flight, --ttl must be 1 or more")
	case o.mode == "keep-alive" && (o.leases == 0 || o.leases%uint64(o.connections*o.streams) != 0):
		return fmt.Errorf("--leases must be a multiple of all streams")
	case o.rate < 0 || o.duration <= 0 || o.warmup < 0 || o.keys < 1:
		return fmt.Errorf("--rate, --warmup must not be negative, --duration and --keys be above 0")
	case o.signalPid != 0 && (o.rate == 0 || len(o.targets) < 2 || o.connections < len(o.targets)):
		// In a closed loop all calls would soon hang on a proposal that died with the leader.
		return fmt.Errorf("--signal-pid needs --rate, two targets or more and a connection to each")
	case (o.certFile == "") != (o.keyFile == "") || o.certFile != "" && o.caFile == "":
		return fmt.Errorf("--cert needs --key and --cacert, and --key needs --cert")
	case o.signal != "KILL" && o.signal != "TERM":
		return fmt.Errorf("--signal must be KILL or TERM")
	}
	return nil
}

// keySpace is where put and txn take their keys from; fill takes the loaded keys themselves.
func (o *options) space() *keySpace {
	if o.mode == "fill" {
		return &keySpace{offset: 0, size: o.keys, hashed: o.order == "hashed"}
	}
	return &keySpace{offset: o.keyOffset, size: o.keySpace, hashed: o.order == "hashed"}
}
