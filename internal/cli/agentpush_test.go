package cli

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tcptop/internal/metric"
	"tcptop/internal/testkit"
)

// TestPushOverTLS sends sums to engines that are who they should be and to such that are not;
// one that does not know us has nothing.
func TestPushOverTLS(t *testing.T) {
	ours, theirs, dir := testkit.NewAuthority(t), testkit.NewAuthority(t), t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca", ours.PEM)
	issue := func(a *testkit.Authority, good time.Duration) (cert, key string) {
		c, k := a.Issue(good)
		return file("cert", c), file("key", k)
	}
	for _, c := range []struct {
		name   string
		engine tls.Certificate
		ca     string
		us     *testkit.Authority // nil shows nothing
		good   time.Duration
		asks   bool // the engine, for a certificate of theirs
		taken  bool
	}{
		{name: "known", engine: ours.Pair(time.Hour), ca: ca, taken: true},
		{name: "a stranger", engine: ours.Pair(time.Hour)},
		{name: "of another authority", engine: theirs.Pair(time.Hour), ca: ca},
		{name: "expired", engine: ours.Pair(-time.Minute), ca: ca},
		{name: "both known", engine: ours.Pair(time.Hour), ca: ca, asks: true, us: theirs, good: time.Hour, taken: true},
		{name: "no certificate of ours", engine: ours.Pair(time.Hour), ca: ca, asks: true},
		{name: "ours is of another authority", engine: ours.Pair(time.Hour), ca: ca, asks: true, us: ours, good: time.Hour},
		{name: "ours is expired", engine: ours.Pair(time.Hour), ca: ca, asks: true, us: theirs, good: -time.Minute},
	} {
		asked := 0
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it tells of strangers
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.engine}}
		if c.asks {
			srv.TLS.ClientAuth, srv.TLS.ClientCAs = tls.RequireAndVerifyClientCert, theirs.Trust()
		}
		srv.StartTLS()
		o := pushOptions{url: srv.URL, ca: c.ca, interval: seconds(time.Minute)}
		if c.us != nil {
			o.cert, o.key = issue(c.us, c.good)
		}
		p, _, err := o.open(t.Context(), metric.NewBoard("1.2.3", nil), "web-1")
		if err != nil {
			t.Fatal(err)
		}
		err = p.Send(t.Context())
		if taken := err == nil && asked == 1; taken != c.taken || !taken && asked != 0 {
			t.Errorf("%s: %v, asked %d times", c.name, err, asked)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		srv.Close()
	}
	o := pushOptions{url: "https://127.0.0.1", ca: ca, cert: ca}
	if _, _, err := o.open(t.Context(), metric.NewBoard("", nil), ""); err == nil {
		t.Error("a certificate without a key")
	}
}
