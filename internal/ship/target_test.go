package ship

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
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

// Whoever is not who we were told to expect gets nothing.
func TestTLS(t *testing.T) {
	asked := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it tells of the stranger
	srv.StartTLS()
	defer srv.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	ask := func(tlsConfig TLS) error {
		transport, err := NewTransport(tlsConfig)
		if err != nil {
			return err
		}
		defer transport.CloseIdleConnections()
		resp, err := NewClient(transport).Get(srv.URL)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	err := ask(TLS{})
	var stranger *tls.CertificateVerificationError
	if !errors.As(err, &stranger) || failed(err).verdict != denied || asked != 0 {
		t.Errorf("a stranger: %v", err)
	}
	if err := ask(TLS{CA: ca}); err != nil || asked != 1 {
		t.Errorf("known: %v", err)
	}
	if err := ask(TLS{CA: []byte("no")}); err == nil {
		t.Error("no certificate")
	}
	if err := ask(TLS{CA: ca, Cert: ca}); err == nil {
		t.Error("a certificate without a key")
	}
}
