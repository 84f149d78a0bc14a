package c2_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// authority issues the certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue makes a certificate and its key, and files of both.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", private)
	return cert, key
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.file(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// pair is a certificate and its key, by name.
func (a *authority) pair(name string) tls.Certificate {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.file(name+".pem"), a.file(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

// secureRelay is a relay that speaks https, and only to those who have a certificate of the authority's.
func secureRelay(t *testing.T) (*fakeRelay, *authority) {
	a := newAuthority(t)
	a.issue("relay", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	r := downRelay(t)
	r.noHint = true
	r.tls = &tls.Config{Certificates: []tls.Certificate{a.pair("relay")}, ClientCAs: a.pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	r.start()
	return r, a
}

func TestTLS(t *testing.T) {
	leaktest.Check(t)
	settings(t, nil, "")
	r, a := secureRelay(t)
	config := &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("client")}, NextProtos: []string{"h2"}}
	server := newNode(t, c2.RelayURL(r.url()), c2.TLS(config))
	register[Counter](t, server, "counter", &counter{})
	r.awaitRoute("counter")

	cnt := connect[Counter](t, newNode(t, c2.TLS(config)), "counter", c2.Relay(r.url()))
	for i := range 10 {
		if n, err := cnt.Increment(within(t), 1); err != nil || n != i+1 {
			t.Errorf("with the option: got %d, %v, want %d", n, err, i+1)
		}
		if i%2 == 0 {
			r.dropConnections()
		}
	}

	_, err := c2.Connect[Counter](within(t), "counter", c2.Relay(r.url()), c2.On(newNode(t)))
	wantError(t, err, c2.ErrUnavailable, r.url(), "certificate", "name a file with the certificate of its authority (C2_TLS_CA)")
	anonymous := newNode(t, c2.TLS(&tls.Config{RootCAs: a.pool()}))
	_, err = c2.Connect[Counter](within(t), "counter", c2.Relay(r.url()), c2.On(anonymous))
	wantError(t, err, c2.ErrUnavailable, r.url())
}

func TestTLSByVariables(t *testing.T) {
	leaktest.Check(t)
	r, a := secureRelay(t)
	settings(t, map[string]string{
		"C2_RELAY": r.url(), "C2_TLS_CA": a.file("ca.pem"), "C2_TLS_CERT": a.file("client.pem"), "C2_TLS_KEY": a.file("client.key"),
	}, "C2_TOKEN=from.env")
	r.token = "from.env"
	server, client := newNode(t), newNode(t)
	register[Counter](t, server, "counter", &counter{n: 3})
	r.awaitRoute("counter")
	if n, err := connect[Counter](t, client, "counter").Value(within(t)); err != nil || n != 3 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := c2.Connect[Counter](within(t), "counter", c2.On(newNode(t, c2.RelayURL("")))); err == nil {
		t.Error("an option without a relay does not overrule the variable")
	}
	for name, change := range map[string]map[string]string{
		`C2_TLS_CA: ` + a.file("ca.key") + ` has no certificates, as PEM`: {"C2_TLS_CA": a.file("ca.key")},
		`C2_TLS_CERT and C2_TLS_KEY: certificate `:                        {"C2_TLS_KEY": a.file("relay.key")},
	} {
		for variable, value := range change {
			was := os.Getenv(variable)
			t.Setenv(variable, value)
			_, err := c2.NewNode(c2.TLS(&tls.Config{}))
			wantError(t, err, c2.ErrInvalid, name)
			t.Setenv(variable, was)
		}
	}
}

// TestTLSIsNotLeftOut: who was asked by https sends nobody to http.
func TestTLSIsNotLeftOut(t *testing.T) {
	leaktest.Check(t)
	settings(t, nil, "")
	r, a := secureRelay(t)
	plain := newFakeRelay(t)
	config := c2.TLS(&tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.pair("client")}})
	server := newNode(t, c2.RelayURL(r.url()), config)
	register[Counter](t, server, "counter", &counter{n: 3})
	r.awaitRoute("counter")
	r.do(func() { r.candidates = placesAt(plain.url()) })
	if n, err := connect[Counter](t, newNode(t, config), "counter", c2.Relay(r.url())).Value(within(t)); err != nil || n != 3 {
		t.Errorf("got %d, %v", n, err)
	}
	if plain.count("GET", "") > 0 || plain.count("POST", "") > 0 {
		t.Error("the relay without TLS was asked")
	}
}
