package ship

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// TLS is what an engine is recognized by and what it recognizes us by, as PEM; empty is
// the system's roots, and nothing.
type TLS struct{ CA, Cert, Key []byte }

// NewTransport is for one engine. Whom it talks to is always verified.
func NewTransport(t TLS) (*http.Transport, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(t.CA) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("there is no certificate in the file")
		}
	} else if roots, err := x509.SystemCertPool(); err == nil {
		cfg.RootCAs = roots // read now: later these files may be out of reach
	}
	if len(t.Cert)+len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate and key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     cfg,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        2,
		IdleConnTimeout:     90 * time.Second,
	}, nil
}

// ParseHeaders reads lines such as "Authorization: Bearer TOKEN"; empty ones and those
// that begin with # are left out. No error shows a value.
func ParseHeaders(b []byte) (http.Header, error) {
	h := http.Header{}
	n := 0
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		n++
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, value, found := bytes.Cut(line, []byte{':'})
		if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") || bytes.ContainsAny(value, "\x00\r") {
			return nil, fmt.Errorf("line %d is not NAME: VALUE", n)
		}
		h.Add(string(name), string(bytes.TrimSpace(value)))
	}
	return h, nil
}
