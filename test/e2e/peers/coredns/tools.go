//go:build tools

// Package peers names the program that the end-to-end tests run, so that `go mod tidy` keeps its modules in go.sum.
package peers

import _ "github.com/coredns/coredns"
