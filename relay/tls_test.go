package relay_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for the loopback with that serial number.
func (a *authority) issue(serial int64) (cert, key []byte) {
	k := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "relay"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// secureHost is a host that serves HTTPS.
func secureHost(t *testing.T, a *authority, clientCA bool) (*host, string) {
	dir := t.TempDir()
	cert, key := a.issue(10)
	files := &relay.Certificates{Cert: write(t, filepath.Join(dir, "cert.pem"), cert), Key: write(t, filepath.Join(dir, "key.pem"), key)}
	if clientCA {
		files.ClientCA = write(t, filepath.Join(dir, "ca.pem"), a.pem)
	}
	config, err := files.Config(zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return newHost(t, relay.Config{TLS: config}), dir
}

// trust makes the host's client trust a, and show the given certificate, if any.
func (h *host) trust(a *authority, certs ...tls.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	h.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots, Certificates: certs}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	leaktest.Check(t)
	a := newAuthority(t)
	h, dir := secureHost(t, a, false)
	h.trust(a)
	n := h.node()
	h.register(n, "t", newTable())
	h.announce(n, 1)
	if status, body := h.call("Add", "[1]"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	serial := func() int64 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(h.url, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if serial() != 10 {
		t.Error("not the certificate of the file")
	}
	write(t, filepath.Join(dir, "cert.pem"), []byte("nonsense")) // until both files are there
	cert, key := a.issue(11)
	write(t, filepath.Join(dir, "key.pem"), key)
	if serial() != 10 {
		t.Error("half of a change was taken")
	}
	write(t, filepath.Join(dir, "cert.pem"), cert)
	await.True(t, "the new certificate is served", func() bool { return serial() == 11 })
	if status, body := h.call("Add", "[1]"); status != 200 || body != "[2]" {
		t.Errorf("the old connection: %d %s", status, body)
	}
}

func TestCallersShowCertificates(t *testing.T) {
	leaktest.Check(t)
	a, other := newAuthority(t), newAuthority(t)
	h, _ := secureHost(t, a, true)
	for name, by := range map[string]*authority{"another authority's": other, "none": nil} {
		h.trust(a)
		if by != nil {
			h.trust(a, pair(t, by))
		}
		if resp, err := h.http.Get(h.url + "/healthz"); err == nil {
			resp.Body.Close()
			t.Errorf("%s: answered with %d", name, resp.StatusCode)
		}
		h.http.CloseIdleConnections()
	}
	h.trust(a, pair(t, a))
	if status, body := h.get("/healthz"); status != 200 {
		t.Errorf("with a certificate: %d %s", status, body)
	}
}

func pair(t *testing.T, a *authority) tls.Certificate {
	cert, key := a.issue(20)
	p, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCertificatesThatAreWrong(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t)
	cert, key := a.issue(1)
	good := relay.Certificates{Cert: write(t, dir+"/c", cert), Key: write(t, dir+"/k", key)}
	for name, files := range map[string]*relay.Certificates{
		"no file":      {Cert: dir + "/none", Key: good.Key},
		"no pair":      {Cert: good.Key, Key: good.Cert},
		"no authority": {Cert: good.Cert, Key: good.Key, ClientCA: good.Key},
	} {
		if _, err := files.Config(zerolog.Nop()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Plain HTTP where HTTPS is served gets an answer that says so.
func TestPlainHTTPWhereHTTPSIsServed(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{TLS: &tls.Config{Certificates: []tls.Certificate{certificate()}}})
	h.insecure()
	secure := h.url
	for _, verb := range []string{"GET", "POST", "OPTIONS"} {
		h.url = strings.Replace(secure, "https", "http", 1)
		status, header, body := h.do(h.request(verb, "/v1/resources", "", bytes.Repeat([]byte(" "), 1<<20)))
		h.expectProblem(verb, status, string(body), 400, "invalid")
		if !strings.Contains(string(body), "https://") || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v %s", verb, header, body)
		}
		h.url = secure
		if status, _ := h.get("/v1/resources"); status != 200 {
			t.Errorf("over HTTPS: %d", status)
		}
	}
}
