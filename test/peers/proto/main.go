// The oracle for node/proto: marshals messages as etcd itself does.
//
// Reads one JSON object per line, {"type": full message name} with either "hex" (bytes to unmarshal) or "json" (the
// message in protobuf's JSON mapping), and answers each with one line: {"hex": Go's bytes, "json": Go's JSON} or
// {"error": why not}. Unknown fields are dropped and maps are written in the order of their keys. The question
// {"schema": true} is answered with {"schema": see schema.go}.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	_ "go.etcd.io/etcd/api/v3/authpb"
	_ "go.etcd.io/etcd/api/v3/etcdserverpb"
	_ "go.etcd.io/etcd/api/v3/membershippb"
	_ "go.etcd.io/etcd/api/v3/mvccpb"
	_ "go.etcd.io/etcd/api/v3/versionpb"
	_ "go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	_ "go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	_ "go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	_ "go.etcd.io/etcd/server/v3/lease/leasepb"
	_ "go.etcd.io/etcd/server/v3/storage/wal/walpb"
	_ "go.etcd.io/raft/v3/raftpb"
	_ "google.golang.org/grpc/health/grpc_health_v1"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

type question struct {
	Schema bool            `json:"schema"`
	Type   string          `json:"type"`
	Hex    *string         `json:"hex"`
	JSON   json.RawMessage `json:"json"`
}

type answer struct {
	Hex    string          `json:"hex"`
	JSON   json.RawMessage `json:"json,omitempty"`
	Error  string          `json:"error,omitempty"`
	Schema []string        `json:"schema,omitempty"`
}

const lineBytesMax = 16 << 20

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		reply, err := respond(lines.Bytes())
		if err != nil {
			reply = answer{Error: err.Error()}
		}
		if err := out.Encode(reply); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "proto:", err)
	os.Exit(1)
}

func respond(line []byte) (answer, error) {
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{}, err
	}
	if q.Schema {
		return answer{Schema: schema()}, nil
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(q.Type))
	if err != nil {
		return answer{}, err
	}
	message := kind.New().Interface()
	if err := read(q, message); err != nil {
		return answer{}, err
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return answer{}, err
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true, UseEnumNumbers: true}.Marshal(message)
	if err != nil {
		return answer{}, err
	}
	return answer{Hex: hex.EncodeToString(bytes), JSON: text}, nil
}

func read(q question, message proto.Message) error {
	if q.Hex == nil {
		return protojson.Unmarshal(q.JSON, message)
	}
	bytes, err := hex.DecodeString(*q.Hex)
	if err != nil {
		return err
	}
	return proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(bytes, message)
}
