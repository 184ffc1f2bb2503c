// A member without raft: etcd's own rafthttp.Transport behind a peer port, which says on stdout what it receives and
// sends what it is told to on stdin. The oracle for node/peer.
//
//	rafthttp --id=1 --cluster-id=c --peers=2=http://127.0.0.1:7002,3=http://127.0.0.1:7003
//	    --listen=127.0.0.1:7001   port 0 (the default) takes a free one, which the line "ready" tells
//	    --url=http://...          what the others are told; the listen address by default
//	    --dir=path                for received snapshots; a temporary one by default
//	    --dial-timeout=1s         what etcd sets to a second and an election
//	    --hex                     each message line carries the message's bytes, as Go writes them
//	    --log=warn                level of the transport's own log, on stderr
//
// Ids are hexadecimal, without prefix, as etcd writes them. Lines are JSON objects: see commands.go and report.go. The
// end of stdin ends the program.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type options struct {
	id, clusterID    types.ID
	listen, url, dir string
	peers            string
	dialTimeout      time.Duration
	isHex            bool
	level            zapcore.Level
}

func main() {
	o := parse()
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "rafthttp-peer-")
		check(err)
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	run(o)
}

func parse() options {
	o := options{}
	id := flag.String("id", "1", "own member id")
	cluster := flag.String("cluster-id", "c", "cluster id")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the peer port")
	flag.StringVar(&o.url, "url", "", "advertised peer URL")
	flag.StringVar(&o.dir, "dir", "", "folder of received snapshots")
	flag.StringVar(&o.peers, "peers", "", "id=url,...")
	flag.DurationVar(&o.dialTimeout, "dial-timeout", time.Second, "longest dial")
	flag.BoolVar(&o.isHex, "hex", false, "print the bytes of messages")
	level := flag.String("log", "warn", "log level")
	flag.Parse()
	var err error
	o.id, err = types.IDFromString(*id)
	check(err)
	o.clusterID, err = types.IDFromString(*cluster)
	check(err)
	o.level, err = zapcore.ParseLevel(*level)
	check(err)
	return o
}

func run(o options) {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(o.level)
	logger, err := config.Build()
	check(err)
	listener, err := net.Listen("tcp", o.listen)
	check(err)
	if o.url == "" {
		o.url = "http://" + listener.Addr().String()
	}
	urls, err := types.NewURLs([]string{o.url})
	check(err)
	snapshotter := snap.New(logger, o.dir)
	member := &member{id: o.id, isHex: o.isHex, snapshotter: snapshotter, removed: map[types.ID]bool{}}
	transport := &rafthttp.Transport{
		Logger: logger, DialTimeout: o.dialTimeout, ID: o.id, URLs: urls, ClusterID: o.clusterID, Raft: member,
		Snapshotter: snapshotter, ServerStats: stats.NewServerStats("", o.id.String()),
		LeaderStats: stats.NewLeaderStats(logger, o.id.String()), ErrorC: make(chan error, 16),
	}
	check(transport.Start())
	go func() {
		for err := range transport.ErrorC {
			say(line{"event": "criticalError", "error": err.Error()})
		}
	}()
	for _, peer := range strings.Split(o.peers, ",") {
		if id, url, isPeer := strings.Cut(peer, "="); isPeer {
			member, err := types.IDFromString(id)
			check(err)
			transport.AddPeer(member, []string{url})
		}
	}
	server := &http.Server{Handler: transport.Handler(), ErrorLog: zap.NewStdLog(logger)}
	go server.Serve(listener)
	say(line{"event": "ready", "id": o.id.String(), "url": o.url, "address": listener.Addr().String()})
	obey(member, transport)
	transport.Stop()
	server.Close()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "rafthttp:", err)
		os.Exit(1)
	}
}
