package metric

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tcptop/internal/group"
)

// certificate writes one for 127.0.0.1, that signs itself, and its key to dir.
func certificate(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	write(t, filepath.Join(dir, name+".crt"), string(cert))
	write(t, filepath.Join(dir, name+".key"), string(private))
	pair, err := tls.X509KeyPair(cert, private)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	withTLS   = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
	withUsers = "basic_auth_users:\n  prom: $2a$04$pEG81tEszxahLwCqJWkccO8jLqyod6HalMHxIBg4adbQZWOXfImwO\n" // secret
	withCerts = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client.crt\n"
)

// Others are answered only with TLS and authentication, or where that is what is wanted.
func TestListen(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, "server")
	certificate(t, dir, "client")
	file := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	tlsOnly, users := file("tls.yml", withTLS), file("users.yml", withUsers)
	both, mutual := file("both.yml", withTLS+withUsers), file("mutual.yml", withTLS+withCerts)
	for _, c := range []struct {
		addr, file string
		insecure   bool
		lacks      string // "" is listened on
	}{
		{addr: ":0"}, {addr: "127.0.0.1:0"}, {addr: "localhost:0"}, {addr: "[::1]:0"},
		{addr: "0.0.0.0:0", lacks: "TLS"},
		{addr: "[::]:0", lacks: "TLS"},
		{addr: "0.0.0.0:0", file: tlsOnly, lacks: "authentication in " + tlsOnly + " (basic_auth_users, or client_auth_type: RequireAndVerifyClientCert)"},
		{addr: "0.0.0.0:0", file: users, lacks: "TLS in " + users},
		{addr: "0.0.0.0:0", file: both}, {addr: "0.0.0.0:0", file: mutual},
		{addr: "0.0.0.0:0", insecure: true},
	} {
		s, err := Listen(ServeConfig{Addr: c.addr, File: c.file, Insecure: c.insecure}, http.NotFoundHandler())
		var open *OpenError
		switch {
		case c.lacks != "" && (!errors.As(err, &open) || open.Lacks != c.lacks):
			t.Errorf("%+v: %v", c, err)
		case c.lacks == "" && err != nil:
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			continue
		}
		host, _, _ := net.SplitHostPort(s.Addr())
		if c.addr == ":0" && host != "127.0.0.1" {
			t.Errorf("%s is %s", c.addr, host)
		}
		if err := s.listener.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, addr := range []string{"9432", "127.0.0.1", "127.0.0.1:notaport"} {
		if _, err := Listen(ServeConfig{Addr: addr}, nil); err == nil {
			t.Errorf("%s is listened on", addr)
		}
	}
	if _, err := Listen(ServeConfig{Addr: ":0", File: file("bad.yml", "tls_server_config: [")}, nil); err == nil || !strings.Contains(err.Error(), "bad.yml") {
		t.Errorf("%v", err)
	}
}

// serve runs a server for the test.
func serve(t *testing.T, cfg ServeConfig, h http.Handler) string {
	t.Helper()
	s, err := Listen(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run() }()
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr()
}

func TestGuarded(t *testing.T) {
	dir := t.TempDir()
	server, client, stranger := certificate(t, dir, "server"), certificate(t, dir, "client"), certificate(t, dir, "stranger")
	trust := x509.NewCertPool()
	trust.AddCert(server.Leaf)
	h := newHost(group.Config{}).board.Handler()
	get := func(addr, user string, certs ...tls.Certificate) string {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, Certificates: certs}}}
		q, _ := http.NewRequest(http.MethodGet, "https://"+addr+"/metrics", nil)
		if user != "" {
			q.SetBasicAuth(user, "secret")
		}
		r, err := c.Do(q)
		if err != nil {
			return "error"
		}
		defer r.Body.Close()
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		return r.Status
	}
	basic := serve(t, ServeConfig{Addr: ":0", File: write(t, filepath.Join(dir, "both.yml"), withTLS+withUsers)}, h)
	if a, b, c := get(basic, ""), get(basic, "eve"), get(basic, "prom"); a != "401 Unauthorized" || b != "401 Unauthorized" || c != "200 OK" {
		t.Errorf("nobody %s, eve %s, prom %s", a, b, c)
	}
	mutual := serve(t, ServeConfig{Addr: ":0", File: write(t, filepath.Join(dir, "mutual.yml"), withTLS+withCerts)}, h)
	if a, b, c := get(mutual, ""), get(mutual, "", stranger), get(mutual, "", client); a != "error" || b != "error" || c != "200 OK" {
		t.Errorf("nobody %s, a stranger %s, the client %s", a, b, c)
	}
	trust = x509.NewCertPool()
	trust.AddCert(stranger.Leaf)
	if a := get(basic, "prom"); a != "error" {
		t.Errorf("an authority that is not the server's: %s", a)
	}
}
