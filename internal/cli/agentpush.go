package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tcptop/internal/metric"
)

// pushOptions say where sums are sent.
type pushOptions struct {
	url      string
	interval seconds
	headers  string
	ca       string
	cert     string
	key      string
}

func (o *pushOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringVar(&o.url, "otlp", "", "send metrics by OTLP to `url`, such as https://collector:4318")
	f.Var(&o.interval, "otlp-interval", "`time` between two of these")
	f.StringVar(&o.headers, "otlp-headers", "", "send along the headers in `file`, a line for each: Authorization: Bearer ...")
	f.StringVar(&o.ca, "otlp-ca", "", "trust the authorities in `file` (PEM) instead of the system's")
	f.StringVar(&o.cert, "otlp-cert", "", "be known by the certificate in `file` (PEM)")
	f.StringVar(&o.key, "otlp-key", "", "its key is in `file` (PEM)")
	return f
}

// open makes the Push and says which port it goes to.
func (o *pushOptions) open(ctx context.Context, board *metric.Board, host string) (*metric.Push, uint16, error) {
	u, port, err := otlpURL(o.url)
	if err != nil {
		return nil, 0, usagef("", "--otlp %s: %v", o.url, err)
	}
	cfg := metric.PushConfig{URL: u, Host: host, Interval: time.Duration(o.interval)}
	if cfg.Headers, err = readHeaders(o.headers); err != nil {
		return nil, 0, usagef("", "--otlp-headers: %v", err)
	}
	if u.Scheme == "https" { // of the SDK's exporter http with it is an error
		if cfg.TLS, err = trusting(o.ca); err != nil {
			return nil, 0, usagef("", "--otlp-ca: %v", err)
		}
		if o.cert != "" || o.key != "" {
			pair, err := tls.LoadX509KeyPair(o.cert, o.key)
			if err != nil {
				return nil, 0, usagef("", "--otlp-cert, --otlp-key: %v", err)
			}
			cfg.TLS.Certificates = []tls.Certificate{pair}
		}
	}
	p, err := metric.NewPush(ctx, board, cfg)
	if err != nil {
		return nil, 0, &failure{code: exitRuntime, msg: err.Error()}
	}
	return p, port, nil
}

// otlpURL is where OTLP's metrics go at an engine's address.
func otlpURL(text string) (*url.URL, uint16, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, 0, errors.Unwrap(err)
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, 0, errors.New("not https://HOST[:PORT][/PATH]")
	case u.User != nil:
		return nil, 0, errors.New("passwords are not taken from the command line, where everybody sees them: use --otlp-headers")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, 0, errors.New("http is for this machine alone, since everybody on the way could read it: use https")
	}
	port, err := portOf(u, "4318")
	if err != nil {
		return nil, 0, err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/metrics"
	}
	return u, port, nil
}

// portOf is the port of u, which it gets where it has none.
func portOf(u *url.URL, usual string) (uint16, error) {
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), usual)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("no such port: %s", u.Port())
	}
	return uint16(port), nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// readHeaders reads a file of headers; no file has none.
func readHeaders(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("%s: a line is not NAME: VALUE", path) // and not shown: it may be a secret
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// trusting is what a client of TLS goes by; it reads all that it needs at once.
func trusting(file string) (*tls.Config, error) {
	if file == "" {
		pool, err := x509.SystemCertPool()
		return &tls.Config{RootCAs: pool}, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: pool}, nil
}
