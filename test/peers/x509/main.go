// Reads certificates and CRLs as Go does, which is how etcd and its clients read them, and prints what it has seen as one JSON line.
//
//	x509 certificate <roots.pem> <chain.pem> <name> <server|client>   verifies the first certificate of the chain; the others are intermediate CAs
//	x509 crl <issuer.pem> <list.der>                                   verifies the signature
package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

type certificate struct {
	// Error says why the certificate is refused; empty for none.
	Error       string    `json:"error"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	Algorithm   string    `json:"algorithm"`
	DNSNames    []string  `json:"dnsNames"`
	IPAddresses []string  `json:"ipAddresses"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	IsCA        bool      `json:"isCa"`
	// PathLength is -1 for no limit.
	PathLength int    `json:"pathLength"`
	KeyUsage   int    `json:"keyUsage"`
	KeyID      string `json:"keyId"`
	IssuerKey  string `json:"issuerKeyId"`
}

type list struct {
	Error   string    `json:"error"`
	Serials []string  `json:"serials"`
	Number  string    `json:"number"`
	This    time.Time `json:"thisUpdate"`
	Next    time.Time `json:"nextUpdate"`
}

func main() {
	var answer any
	switch {
	case len(os.Args) == 6 && os.Args[1] == "certificate":
		answer = readCertificate(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	case len(os.Args) == 4 && os.Args[1] == "crl":
		answer = readList(os.Args[2], os.Args[3])
	default:
		fail(errors.New("unknown arguments"))
	}
	line, err := json.Marshal(answer)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func readCertificate(rootsPath, chainPath, name, side string) certificate {
	roots, above := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range parse(rootsPath) {
		roots.AddCert(root)
	}
	chain := parse(chainPath)
	for _, one := range chain[1:] {
		above.AddCert(one)
	}
	usage := x509.ExtKeyUsageServerAuth
	if side == "client" {
		usage = x509.ExtKeyUsageClientAuth
	}
	leaf := chain[0]
	_, err := leaf.Verify(x509.VerifyOptions{
		DNSName: name, Roots: roots, Intermediates: above, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	ips := []string{}
	for _, ip := range leaf.IPAddresses {
		ips = append(ips, ip.String())
	}
	length := leaf.MaxPathLen
	if length == 0 && !leaf.MaxPathLenZero {
		length = -1
	}
	return certificate{
		Error: text(err), Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), Serial: leaf.SerialNumber.Text(16),
		Algorithm: leaf.SignatureAlgorithm.String(), DNSNames: append([]string{}, leaf.DNSNames...), IPAddresses: ips,
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, IsCA: leaf.IsCA, PathLength: length, KeyUsage: int(leaf.KeyUsage),
		KeyID: hex.EncodeToString(leaf.SubjectKeyId), IssuerKey: hex.EncodeToString(leaf.AuthorityKeyId),
	}
}

func readList(issuerPath, listPath string) list {
	crl, err := x509.ParseRevocationList(read(listPath))
	if err != nil {
		return list{Error: err.Error()}
	}
	serials := []string{}
	for _, entry := range crl.RevokedCertificateEntries {
		serials = append(serials, entry.SerialNumber.Text(16))
	}
	return list{
		Error: text(crl.CheckSignatureFrom(parse(issuerPath)[0])), Serials: serials, Number: crl.Number.String(),
		This: crl.ThisUpdate, Next: crl.NextUpdate,
	}
}

func parse(path string) []*x509.Certificate {
	var found []*x509.Certificate
	for block, rest := pem.Decode(read(path)); block != nil; block, rest = pem.Decode(rest) {
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			fail(err)
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		fail(fmt.Errorf("%s: no certificate", path))
	}
	return found
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	if err != nil {
		fail(err)
	}
	return bytes
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
