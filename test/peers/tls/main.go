// Dials a server over TLS as Go programs do, one connection after the other, and prints one JSON line for each: whether it was accepted, what was
// negotiated, whether the session was resumed, and the error's text. With -storm many connections are opened at once (storm.go).
//
// With TLS 1.3 a server's refusal comes only after the handshake. A connection therefore counts as accepted when the server has answered on it:
// with its SETTINGS where h2 was negotiated, with an HTTP/1.1 response otherwise, or with the answer to a gRPC call that was asked for.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

type options struct {
	address     string
	config      *tls.Config
	connections int
	call        string
	key         string
	path        string
	storm       bool
	timeout     time.Duration
}

// line is what is told of one connection.
type line struct {
	Accepted bool   `json:"accepted"`
	Version  string `json:"version,omitempty"`
	Resumed  bool   `json:"resumed"`
	Protocol string `json:"protocol"`
	Cipher   string `json:"cipher,omitempty"`
	// Stage is where it failed: dial, handshake, or answer.
	Stage string `json:"stage,omitempty"`
	Error string `json:"error,omitempty"`
	// Status and Body are of an HTTP answer.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// Revision is of the answer to a call.
	Revision int64 `json:"revision,omitempty"`
	// PeerNames are the common names that the server has shown, its own first.
	PeerNames []string `json:"peerNames,omitempty"`
}

func main() {
	o, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tls:", err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	if o.storm {
		err = storm(o, os.Stdin, out)
	} else {
		for range o.connections {
			if err = out.Encode(connect(o)); err != nil {
				break
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tls:", err)
		os.Exit(1)
	}
}

var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func parse() (o options, err error) {
	var ca, cert, key, name, least, most, protocols, ciphers string
	var insecure, resume bool
	flag.StringVar(&o.address, "address", "", "host:port")
	flag.StringVar(&ca, "cacert", "", "file of the CAs to be believed; the system's where it is not given")
	flag.StringVar(&cert, "cert", "", "file of the certificates to be shown")
	flag.StringVar(&key, "key", "", "file of the key")
	flag.StringVar(&name, "server-name", "", "name to be asked for and verified; the host where it is not given")
	flag.StringVar(&least, "min-version", "1.2", "1.0, 1.1, 1.2 or 1.3")
	flag.StringVar(&most, "max-version", "1.3", "1.0, 1.1, 1.2 or 1.3")
	flag.StringVar(&protocols, "alpn", "h2", "protocols to be offered, with commas; empty for none")
	flag.StringVar(&ciphers, "cipher-suites", "", "names of suites to be offered for TLS 1.2, with commas")
	flag.BoolVar(&insecure, "insecure", false, "believe any server")
	flag.BoolVar(&resume, "resume", false, "keep sessions and resume them")
	flag.IntVar(&o.connections, "connections", 1, "connections, one after the other, or all at once with -storm")
	flag.StringVar(&o.call, "call", "", "put, range or get: a call through etcd's client, or an HTTP GET of -path")
	flag.StringVar(&o.key, "put-key", "tls", "key of the call")
	flag.StringVar(&o.path, "path", "/version", "what HTTP asks for")
	flag.BoolVar(&o.storm, "storm", false, "open all at once, and again for each line on standard input")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Second, "of one connection")
	flag.Parse()
	if o.address == "" || flag.NArg() > 0 {
		return o, fmt.Errorf("-address host:port, and no arguments")
	}
	if versions[least] == 0 || versions[most] == 0 {
		return o, fmt.Errorf("-min-version and -max-version are 1.0, 1.1, 1.2 or 1.3")
	}
	if name == "" {
		if name, _, err = net.SplitHostPort(o.address); err != nil {
			return o, err
		}
	}
	c := &tls.Config{
		ServerName: name, MinVersion: versions[least], MaxVersion: versions[most], InsecureSkipVerify: insecure,
		NextProtos: list(protocols),
	}
	if resume {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(o.connections)
	}
	if c.CipherSuites, err = suites(list(ciphers)); err != nil {
		return o, err
	}
	o.config = c
	return o, readFiles(c, ca, cert, key)
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func suites(names []string) (ids []uint16, err error) {
	for _, name := range names {
		found := false
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if suite.Name == name {
				ids, found = append(ids, suite.ID), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no cipher suite %q", name)
		}
	}
	return ids, nil
}

func readFiles(c *tls.Config, ca, cert, key string) error {
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no certificate in %s", ca)
		}
	}
	if cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	// Shown whatever CAs the server names: the server is to judge it.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}
