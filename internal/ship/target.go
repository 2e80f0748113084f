package ship

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Target is where records go: an engine and its address.
type Target struct {
	kind  string // clickhouse or otlp
	url   url.URL
	table string // database.table of ClickHouse, quoted for its SQL
}

// Schemes are those that ParseTarget takes.
var Schemes = []string{"clickhouse+https", "otlp+https"}

// ParseTarget reads a URL such as clickhouse+https://HOST/?database=D&table=T or
// otlp+https://HOST. Ports default to 8443 and 4318, the table to tcptop.flows. Without
// TLS only this host is reached.
func ParseTarget(raw string) (*Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("it is not a URL") // its text may be a secret
	}
	kind, scheme, _ := strings.Cut(u.Scheme, "+")
	if !slices.Contains(Schemes, kind+"+https") || scheme != "https" && scheme != "http" {
		return nil, fmt.Errorf("it does not begin with %s://", strings.Join(Schemes, ":// or "))
	}
	switch {
	case u.User != nil:
		return nil, errors.New("a password here can be seen by every process of this host")
	case u.Hostname() == "" || u.Fragment != "":
		return nil, errors.New("it names no host")
	case scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("without TLS (%s+http) only this host is reached", kind)
	}
	t := &Target{kind: kind, url: url.URL{Scheme: scheme, Host: u.Host, Path: u.Path}}
	if u.Port() == "" {
		t.url.Host = net.JoinHostPort(u.Hostname(), map[string]string{"clickhouse": "8443", "otlp": "4318"}[kind])
	}
	if _, err := strconv.ParseUint(t.url.Port(), 10, 16); err != nil {
		return nil, fmt.Errorf("port %q is none", t.url.Port())
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("what follows ? is not NAME=VALUE&NAME=VALUE")
	}
	return t, t.options(q)
}

// options are those of the engine.
func (t *Target) options(q url.Values) error {
	known := []string{}
	if t.kind == "clickhouse" {
		known = []string{"database", "table"}
		var parts []string
		for _, name := range []string{"database", "table"} {
			value := q.Get(name)
			if value == "" {
				value = map[string]string{"database": "tcptop", "table": "flows"}[name]
			}
			if !identifier.MatchString(value) {
				return fmt.Errorf("%s %q is more than letters, digits and _", name, value)
			}
			parts = append(parts, "`"+value+"`")
		}
		t.table = strings.Join(parts, ".")
		if t.url.Path == "" {
			t.url.Path = "/"
		}
	} else if !strings.HasSuffix(t.url.Path, otlpPath) {
		t.url.Path = strings.TrimSuffix(t.url.Path, "/") + otlpPath
	}
	for name, values := range q {
		if !slices.Contains(known, name) || len(values) > 1 {
			return fmt.Errorf("%s is not an option of %s, or is given twice", name, t.kind)
		}
	}
	return nil
}

// otlpPath is where logs are taken (OTLP/HTTP).
const otlpPath = "/v1/logs"

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Port is the one that is connected to.
func (t *Target) Port() uint16 {
	n, _ := strconv.ParseUint(t.url.Port(), 10, 16) // ParseTarget has looked
	return uint16(n)
}

// URL is the engine's address.
func (t *Target) URL() *url.URL { return &t.url }

// Table is where a ClickHouse has the records, quoted for its SQL.
func (t *Target) Table() string { return t.table }

// String is the address, for people: it holds no secret.
func (t *Target) String() string { return t.kind + "+" + t.url.String() }

// Kind is the engine's name in metrics: clickhouse or otlp.
func (t *Target) Kind() string { return t.kind }
