//go:build tools

// Package peers names the Go programs that the tests run beside etcd-ts, so that `go mod tidy` keeps their modules in go.sum.
package peers

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
	_ "go.etcd.io/etcd/server/v3"
	_ "go.etcd.io/etcd/v3/tools/benchmark"
)
