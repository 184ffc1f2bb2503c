package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// connect makes one connection, has the server say something on it, and closes it.
func connect(o options) (l line) {
	raw, err := net.DialTimeout("tcp", o.address, o.timeout)
	if err != nil {
		return line{Stage: "dial", Error: err.Error()}
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(o.timeout)) // a socket that takes none fails by itself
	conn := tls.Client(raw, o.config)
	if err := conn.Handshake(); err != nil {
		return line{Stage: "handshake", Error: err.Error()}
	}
	state := conn.ConnectionState()
	l.Version = tls.VersionName(state.Version)
	l.Resumed = state.DidResume
	l.Protocol = state.NegotiatedProtocol
	l.Cipher = tls.CipherSuiteName(state.CipherSuite)
	for _, certificate := range state.PeerCertificates {
		l.PeerNames = append(l.PeerNames, certificate.Subject.CommonName)
	}
	switch {
	case o.call == "put" || o.call == "range":
		err = call(o, conn, &l)
	case state.NegotiatedProtocol == "h2" && o.call == "":
		err = greet(conn)
	default:
		err = request(o, conn, &l)
	}
	if err != nil {
		l.Stage, l.Error = "answer", err.Error()
		return l
	}
	l.Accepted = true
	_ = conn.Close() // with the alert that ends a session properly, so that it may be resumed
	return l
}

// greet says what an HTTP/2 client says first and waits for the server's SETTINGS.
func greet(conn io.ReadWriter) error {
	const emptySettings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+emptySettings); err != nil {
		return err
	}
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[3] != 4 || binary.BigEndian.Uint32(head[5:]) != 0 {
		return fmt.Errorf("the server's first frame has type %d", head[3])
	}
	return nil
}

// request is a GET over HTTP/1.1.
func request(o options, conn net.Conn, l *line) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", o.path, o.address); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	l.Status, l.Body = response.StatusCode, string(body)
	return err
}

// call makes a call of etcd's client over the connection that stands.
func call(o options, conn net.Conn, l *line) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	watched := &watchedConn{Conn: conn, ended: cancel}
	taken := false
	dial := func(context.Context, string) (net.Conn, error) {
		if taken {
			return nil, errors.New("the connection was lost")
		}
		taken = true
		return watched, nil
	}
	// Plain for gRPC: what it is given is a TLS connection already.
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"http://" + o.address}, Context: ctx, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(dial)},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	if o.call == "put" {
		answer, err := client.Put(ctx, o.key, "value")
		if err != nil {
			return watched.cause(err)
		}
		l.Revision = answer.Header.Revision
		return nil
	}
	answer, err := client.Get(ctx, o.key)
	if err != nil {
		return watched.cause(err)
	}
	l.Revision = answer.Header.Revision
	return nil
}
