package certfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes a certificate and two keys, of which the first is its own.
func files(t *testing.T) (cert, key, other string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte, err error) string {
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys := make([]ed25519.PrivateKey, 2)
	for i := range keys {
		var err error
		if _, keys[i], err = ed25519.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, keys[0].Public(), keys[0])
	cert = write("cert.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(keys[0])
	key = write("key.pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(keys[1])
	return cert, key, write("other.pem", "PRIVATE KEY", der, err)
}

func TestFiles(t *testing.T) {
	cert, key, other := files(t)
	if _, err := Authorities(cert); err != nil {
		t.Error(err)
	}
	if _, err := Pair(cert, key); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{
		key:              key + " has no certificates, as PEM",
		"/nonexistent/x": "open /nonexistent/x: no such file or directory",
	} {
		if _, err := Authorities(file); err == nil || err.Error() != want {
			t.Errorf("authorities of %s: %v", file, err)
		}
	}
	for _, pair := range [][2]string{{cert, ""}, {"", key}} {
		if _, err := Pair(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "want files of both") {
			t.Errorf("%q: %v", pair, err)
		}
	}
	for _, file := range []string{other, cert, "/nonexistent/x"} {
		if _, err := Pair(cert, file); err == nil || !strings.HasPrefix(err.Error(), "certificate "+cert+" with key "+file+", as PEM: ") {
			t.Errorf("with the key %s: %v", file, err)
		}
	}
}

func TestAdvise(t *testing.T) {
	unknown := fmt.Errorf("asking: %w", x509.UnknownAuthorityError{})
	if err := Advise(unknown, "THIS"); !errors.Is(err, unknown) || !strings.HasSuffix(err.Error(), "name a file with the certificate of its authority (THIS)") {
		t.Errorf("got %v", err)
	}
	if err := Advise(os.ErrNotExist, "THIS"); err != os.ErrNotExist {
		t.Errorf("got %v", err)
	}
}
