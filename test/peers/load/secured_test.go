package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"syscall"
	"testing"
	"time"
)

// selfSigned is a certificate for 127.0.0.1.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serve accepts one connection and gives it to `handle`.
func serve(t *testing.T, protocols []string, handle func(net.Conn)) (target string, config *tls.Config) {
	t.Helper()
	certificate := selfSigned(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		if conn, err := listener.Accept(); err == nil {
			handle(conn)
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	return listener.Addr().String(), &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}
}

func open(t *testing.T, target string) int {
	t.Helper()
	fd, err := openSocket(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return fd
}

func TestSecuredCarriesAllBothWays(t *testing.T) {
	sent := make([]byte, 3<<20) // many records, and more than the sockets hold
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	target, config := serve(t, []string{"h2"}, func(conn net.Conn) {
		_, _ = io.Copy(conn, conn) // the client sees whether all came back
	})
	fd := open(t, target)
	s, err := secure(fd, target, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if err := s.seal(sent); err != nil {
		t.Fatal(err)
	}
	var back []byte
	room := make([]byte, 100_000)
	for empty := 0; len(back) < len(sent) && empty < 10_000; {
		if n, _ := syscall.Write(fd, s.wire.sealed[s.wire.written:]); n > 0 {
			s.wire.written += n
		}
		n, err := s.read(room)
		back = append(back, room[:n]...)
		if errors.Is(err, syscall.EAGAIN) {
			empty++
			time.Sleep(time.Millisecond)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(back, sent) {
		t.Fatalf("%d of %d bytes came back, or other ones", len(back), len(sent))
	}
}

func TestSecuredTellsTheEnd(t *testing.T) {
	target, config := serve(t, []string{"h2"}, func(conn net.Conn) {
		_, _ = conn.Write([]byte("last words"))
		_ = conn.Close()
	})
	s, err := secure(open(t, target), target, config)
	if err != nil {
		t.Fatal(err)
	}
	room := make([]byte, 100)
	if n, err := s.read(room); err != nil || string(room[:n]) != "last words" {
		t.Fatalf("read %q, %v", room[:n], err)
	}
	if n, err := s.read(room); n != 0 || err == nil || errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("read %d bytes and %v behind the end", n, err)
	}
}

func TestSecuredRefusesServers(t *testing.T) {
	target, config := serve(t, nil, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if _, err := secure(open(t, target), target, config); err == nil {
		t.Fatal("a server without h2 was accepted")
	}
	target, config = serve(t, []string{"h2"}, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	config.RootCAs = x509.NewCertPool()
	if _, err := secure(open(t, target), target, config); err == nil {
		t.Fatal("a server of another CA was accepted")
	}
}
