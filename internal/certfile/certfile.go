// Package certfile reads the PEM files that TLS is set up with: the certificates of authorities, and a certificate with its key.
// Its errors name the file and what it should have; which setting named the file says the caller. It imports nothing of c2.
package certfile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Authorities reads the certificates of authorities from a file.
func Authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificates, as PEM", file)
	}
	return pool, nil
}

// Pair reads a certificate, with those that lead from it to an authority behind it, and its key.
func Pair(cert, key string) (tls.Certificate, error) {
	if cert == "" || key == "" {
		return tls.Certificate{}, fmt.Errorf("certificate %q and key %q: want files of both or of neither, one is of no use without the other", cert, key)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s, as PEM: %w", cert, key, err)
	}
	return pair, nil
}

// Advise adds to the failure of a connection what to do if the other side's certificate is of an authority that nobody named:
// setting is what takes the file. It leaves other failures as they are.
func Advise(err error, setting string) error {
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		return fmt.Errorf("%w; to trust it, name a file with the certificate of its authority (%s)", err, setting)
	}
	return err
}
