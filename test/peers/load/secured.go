package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// secured is TLS between a connection and its socket. The handshake is made while the socket still blocks; after it nothing here waits: what is to
// be written gathers in `sealed`, and a read of an empty socket is told as EAGAIN, after which Go's TLS goes on where it was.
type secured struct {
	conn *tls.Conn
	wire *wire
}

// wire is the socket as Go's TLS sees it.
type wire struct {
	fd       int
	blocking bool
	in       []byte // its bytes from `from` to `to` wait to be read
	from, to int
	sealed   []byte // its first `written` bytes are written
	written  int
}

// emptySocket is what Go's TLS takes for a reason to be called again.
type emptySocket struct{}

func (emptySocket) Error() string   { return "the socket is empty" }
func (emptySocket) Timeout() bool   { return true }
func (emptySocket) Temporary() bool { return true }

// tlsConfig is nil for plain connections.
func (o *options) tlsConfig() (*tls.Config, error) {
	if o.caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{NextProtos: []string{"h2"}, RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", o.caFile)
	}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// secure makes the handshake on a socket that blocks.
func secure(fd int, target string, config *tls.Config) (*secured, error) {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.ServerName = host
	limit := syscall.NsecToTimeval(int64(connectTimeout))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return nil, err
	}
	w := &wire{fd: fd, blocking: true, in: make([]byte, readBufferBytes)}
	s := &secured{conn: tls.Client(w, config), wire: w}
	if err := s.conn.Handshake(); err != nil {
		return nil, err
	}
	w.blocking = false
	if protocol := s.conn.ConnectionState().NegotiatedProtocol; protocol != "h2" {
		return nil, fmt.Errorf("the server negotiated %q instead of h2", protocol)
	}
	return s, nil
}

// read gives what has come, as far as there is room: less than that only when nothing more is there.
func (s *secured) read(into []byte) (n int, err error) {
	for n < len(into) {
		got, err := s.conn.Read(into[n:])
		n += got
		switch {
		case err == nil:
		case n > 0:
			return n, nil // an error will be there the next time too
		case errors.Is(err, emptySocket{}):
			return 0, syscall.EAGAIN
		default:
			return 0, err
		}
	}
	return n, nil
}

// seal encrypts; the result waits in the wire's `sealed`.
func (s *secured) seal(plain []byte) error {
	if len(plain) == 0 {
		return nil
	}
	_, err := s.conn.Write(plain)
	return err
}

func (w *wire) Read(into []byte) (int, error) {
	if w.from == w.to {
		n, err := syscall.Read(w.fd, w.in)
		switch {
		case err == syscall.EINTR || err == syscall.EAGAIN && !w.blocking:
			return 0, emptySocket{}
		case err == syscall.EAGAIN:
			return 0, errors.New("the server does not shake hands")
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errors.New("EOF")
		}
		w.from, w.to = 0, n
	}
	n := copy(into, w.in[w.from:w.to])
	w.from += n
	return n, nil
}

func (w *wire) Write(bytes []byte) (int, error) {
	if !w.blocking {
		w.sealed = append(w.sealed, bytes...)
		return len(bytes), nil
	}
	for done := 0; done < len(bytes); {
		n, err := syscall.Write(w.fd, bytes[done:])
		if err != nil && err != syscall.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return len(bytes), nil
}

// The rest of net.Conn: TLS asks for none of it.
func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
