package ship

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

func TestParseTarget(t *testing.T) {
	for raw, want := range map[string]string{
		"clickhouse+https://ch.example":                             "clickhouse+https://ch.example:8443/ `tcptop`.`flows`",
		"clickhouse+https://[2001:db8::1]:443/p?database=a&table=b": "clickhouse+https://[2001:db8::1]:443/p `a`.`b`",
		"clickhouse+http://127.0.0.1:8123":                          "clickhouse+http://127.0.0.1:8123/ `tcptop`.`flows`",
		"otlp+https://c.example":                                    "otlp+https://c.example:4318/v1/logs ",
		"otlp+https://c.example/v1/logs":                            "otlp+https://c.example:4318/v1/logs ",
		"otlp+http://localhost:4318/x/":                             "otlp+http://localhost:4318/x/v1/logs ",
	} {
		got, err := ParseTarget(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		} else if s := got.String() + " " + got.table; s != want {
			t.Errorf("%s: %s", raw, s)
		}
	}
	for raw, want := range map[string]string{
		"":                                   "it does not begin with clickhouse+https:// or otlp+https://",
		"https://ch.example":                 "it does not begin with clickhouse+https:// or otlp+https://",
		"clickhouse+ftp://ch.example":        "it does not begin with clickhouse+https:// or otlp+https://",
		"clickhouse+https://u:p@ch.example":  "a password here can be seen by every process of this host",
		"clickhouse+https://":                "it names no host",
		"clickhouse+http://ch.example":       "without TLS (clickhouse+http) only this host is reached",
		"clickhouse+https://h/?table=a;DROP": "what follows ? is not NAME=VALUE&NAME=VALUE",
		"clickhouse+https://h/?table=a%60":   "table \"a`\" is more than letters, digits and _",
		"clickhouse+https://h/?password=x":   "password is not an option of clickhouse, or is given twice",
		"otlp+https://h/?table=x":            "table is not an option of otlp, or is given twice",
		"clickhouse+https://h:99999":         `port "99999" is none`,
		"otlp+https://h\x7f":                 "it is not a URL",
	} {
		if got, err := ParseTarget(raw); err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v", raw, got, err)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	h, err := ParseHeaders([]byte("# who we are\nauthorization:  Bearer a:b \n\nX-Scope-OrgID: t1\r\n"))
	if err != nil || h.Get("Authorization") != "Bearer a:b" || h.Get("X-Scope-OrgID") != "t1" || len(h) != 2 {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"secret", ": secret", "a b: secret", "A: sec\x00ret"} {
		if _, err := ParseHeaders([]byte(bad)); err == nil || err.Error() != "line 1 is not NAME: VALUE" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whoever is not who we were told to expect gets nothing, and who does not take us is not
// asked as if it were busy: that is nobody's data's fault.
func TestTLS(t *testing.T) {
	ours, theirs := testkit.NewAuthority(t), testkit.NewAuthority(t)
	const day, past = time.Hour, -time.Minute
	for _, c := range []struct {
		name   string
		engine tls.Certificate
		by     *testkit.Authority // that the engine trusts; nil takes everybody
		trust  *testkit.Authority // that we do; nil is the system's
		us     *testkit.Authority // that our certificate is of; nil is none
		good   time.Duration      // for which it is
		taken  bool
	}{
		{name: "known", engine: ours.Pair(day), trust: ours, taken: true},
		{name: "a stranger", engine: ours.Pair(day)},
		{name: "of another authority", engine: theirs.Pair(day), trust: ours},
		{name: "expired", engine: ours.Pair(past), trust: ours},
		{name: "both known", engine: ours.Pair(day), by: theirs, trust: ours, us: theirs, good: day, taken: true},
		{name: "no certificate of ours", engine: ours.Pair(day), by: theirs, trust: ours},
		{name: "ours is of another authority", engine: ours.Pair(day), by: theirs, trust: ours, us: ours, good: day},
		{name: "ours is expired", engine: ours.Pair(day), by: theirs, trust: ours, us: theirs, good: past},
	} {
		asked := 0
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it tells of strangers
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.engine}}
		if c.by != nil {
			srv.TLS.ClientAuth, srv.TLS.ClientCAs = tls.RequireAndVerifyClientCert, c.by.Trust()
		}
		srv.StartTLS()
		var cfg TLS
		if c.trust != nil {
			cfg.CA = c.trust.PEM
		}
		if c.us != nil {
			cfg.Cert, cfg.Key = c.us.Issue(c.good)
		}
		transport, err := NewTransport(cfg)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := NewClient(transport).Post(srv.URL, "text/plain", strings.NewReader("records"))
		if err == nil {
			err = resp.Body.Close()
		}
		if taken := err == nil && asked == 1; taken != c.taken || !taken && (asked != 0 || failed(err).verdict != denied || failed(err).unsure) {
			t.Errorf("%s: %v, asked %d times", c.name, err, asked)
		}
		transport.CloseIdleConnections()
		srv.Close()
	}
	cert, _ := ours.Issue(day)
	if _, err := NewTransport(TLS{CA: []byte("no")}); err == nil {
		t.Error("no certificate")
	}
	if _, err := NewTransport(TLS{CA: ours.PEM, Cert: cert}); err == nil {
		t.Error("a certificate without a key")
	}
}
