package metric

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tcptop/internal/group"
	"tcptop/internal/testkit"
)

// issue writes a certificate for 127.0.0.1 and its key to dir.
func issue(t *testing.T, a *testkit.Authority, dir, name string, good time.Duration) {
	t.Helper()
	cert, key := a.Issue(good)
	write(t, filepath.Join(dir, name+".crt"), string(cert))
	write(t, filepath.Join(dir, name+".key"), string(key))
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
	authority := testkit.NewAuthority(t)
	issue(t, authority, dir, "server", time.Hour)
	write(t, filepath.Join(dir, "client.crt"), string(authority.PEM))
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

// Only who is who they have to be is answered, and only by who is; each case has a server
// that would answer another one.
func TestGuarded(t *testing.T) {
	dir := t.TempDir()
	servers, clients := testkit.NewAuthority(t), testkit.NewAuthority(t)
	issue(t, servers, dir, "server", time.Hour)
	write(t, filepath.Join(dir, "client.crt"), string(clients.PEM))
	h := newHost(group.Config{}).board.Handler()
	get := func(addr, user string, trust *testkit.Authority, certs ...tls.Certificate) string {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust.Trust(), Certificates: certs}}}
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
	mutual := serve(t, ServeConfig{Addr: ":0", File: write(t, filepath.Join(dir, "mutual.yml"), withTLS+withCerts)}, h)
	for _, c := range []struct {
		who, want, got string
	}{
		{"nobody", "401 Unauthorized", get(basic, "", servers)},
		{"another user", "401 Unauthorized", get(basic, "eve", servers)},
		{"the user", "200 OK", get(basic, "prom", servers)},
		{"the user, of a server of another authority", "error", get(basic, "prom", clients)},
		{"no certificate", "error", get(mutual, "", servers)},
		{"a certificate of another authority", "error", get(mutual, "", servers, servers.Pair(time.Hour))},
		{"a certificate that is expired", "error", get(mutual, "", servers, clients.Pair(-time.Minute))},
		{"the certificate", "200 OK", get(mutual, "", servers, clients.Pair(time.Hour))},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, not %s", c.who, c.got, c.want)
		}
	}
	issue(t, servers, dir, "server", -time.Minute) // it is read again
	if got := get(basic, "prom", servers); got != "error" {
		t.Errorf("a server whose certificate is expired: %s", got)
	}
}
