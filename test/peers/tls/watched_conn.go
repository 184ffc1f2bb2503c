package main

import (
	"context"
	"net"
	"sync"
)

// watchedConn keeps why its connection ended: etcd's client tries again for as long as it may, and tells only that the time is over.
type watchedConn struct {
	net.Conn
	ended context.CancelFunc

	mutex sync.Mutex
	why   error
}

// Read is where a refusal is seen, also by one that only writes: the connection is read all the time.
func (w *watchedConn) Read(bytes []byte) (int, error) {
	n, err := w.Conn.Read(bytes)
	if err != nil {
		w.mutex.Lock()
		if w.why == nil {
			w.why = err
		}
		w.mutex.Unlock()
		w.ended()
	}
	return n, err
}

// Write keeps quiet about errors: gRPC would close the connection before the alert that says why has been read.
func (w *watchedConn) Write(bytes []byte) (int, error) {
	_, _ = w.Conn.Write(bytes)
	return len(bytes), nil
}

// cause is why the connection ended, if it did, and else `err`.
func (w *watchedConn) cause(err error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.why != nil {
		return w.why
	}
	return err
}
