package kernel

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

// TestAgentSecured has a confined agent answer, send sums and deliver records, all over TLS
// with certificates at both ends, and takes connections of those alone whom it knows.
func TestAgentSecured(t *testing.T) {
	testkit.Kernel(t)
	authority, dir := testkit.NewAuthority(t), t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		return path
	}
	cert, key := authority.Issue(time.Hour)
	ca, certFile, keyFile := file("ca.crt", authority.PEM), file("tls.crt", cert), file("tls.key", key)
	web := file("web.yml", []byte("tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"))
	for sandbox, caps := range map[string]uint64{"auto": watching, "strict": 0} {
		t.Run(sandbox, func(t *testing.T) {
			var sums, records atomic.Int64
			listens := func(count *atomic.Int64) string {
				srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { count.Add(1) }))
				srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
				srv.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Pair(time.Hour)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Trust()}
				srv.StartTLS()
				t.Cleanup(srv.Close)
				return srv.URL
			}
			addr := freeAddr(t)
			c := startAs(t, nil, tcptop(t), "agent", "--sandbox", sandbox, "-d", "100ms", "--listen", addr, "--web-config", web,
				"--otlp", listens(&sums), "--otlp-interval", "300ms", "--otlp-ca", ca, "--otlp-cert", certFile, "--otlp-key", keyFile,
				"--flows", "clickhouse+"+listens(&records), "--flows-interval", "300ms", "--flows-ca", ca, "--flows-cert", certFile, "--flows-key", keyFile,
				"--spool", filepath.Join(t.TempDir(), "spool"))
			get := func(certs ...tls.Certificate) error {
				client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: authority.Trust(), Certificates: certs}}}
				resp, err := client.Get("https://" + addr + "/metrics")
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					return errors.New(resp.Status)
				}
				return nil
			}
			testkit.Eventually(t, patience, func() error {
				if s, r := sums.Load(), records.Load(); s < 2 || r < 2 {
					return fmt.Errorf("sums were sent %d times, records %d times", s, r)
				}
				return get(authority.Pair(time.Hour))
			})
			if err := get(); err == nil {
				t.Error("whoever shows no certificate is answered")
			}
			confined(t, c.cmd.Process.Pid, caps)
			c.endsInTime(c.signal(syscall.SIGTERM))
		})
	}
}
