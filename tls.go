package c2

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/ctwo-go/c2/internal/certfile"
)

// tls finds the settings of TLS: the option's, else what the variables' files say, else nil for the defaults.
func (r *resolver) tls(option *tls.Config) *tls.Config {
	fromFiles := r.tlsFiles()
	if option != nil {
		return option.Clone()
	}
	return fromFiles
}

// tlsFiles reads the files that the variables name. It is nil if they name none.
func (r *resolver) tlsFiles() *tls.Config {
	ca := fromVariable(r, "C2_TLS_CA", "", "a file", parseText)
	cert := fromVariable(r, "C2_TLS_CERT", "", "a file", parseText)
	key := fromVariable(r, "C2_TLS_KEY", "", "a file", parseText)
	if ca == "" && cert == "" && key == "" {
		return nil
	}
	config := new(tls.Config)
	if ca != "" {
		pool, err := certfile.Authorities(ca)
		if err != nil {
			r.faults = append(r.faults, fmt.Errorf("C2_TLS_CA: %w", err))
		}
		config.RootCAs = pool
	}
	switch {
	case cert != "" && key != "":
		pair, err := certfile.Pair(cert, key)
		if err != nil {
			r.faults = append(r.faults, fmt.Errorf("C2_TLS_CERT and C2_TLS_KEY: %w", err))
		}
		config.Certificates = []tls.Certificate{pair}
	case cert != "" || key != "":
		r.faults = append(r.faults, errors.New("C2_TLS_CERT and C2_TLS_KEY: want both or neither, a certificate is of no use without its key"))
	}
	return config
}
