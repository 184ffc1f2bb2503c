//go:build tools

// Package peers names the Go program that the tests run beside etcd-ts, so that `go mod tidy` keeps its modules in go.sum.
package peers

import _ "github.com/summerwind/h2spec/cmd/h2spec"
