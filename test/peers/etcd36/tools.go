//go:build tools

// Package peers names the programs of the older etcd that the tests mix with members of ours, so that `go mod tidy` keeps their modules in go.sum.
package peers

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
