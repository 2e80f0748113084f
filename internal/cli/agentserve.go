package cli

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/spf13/pflag"

	"tcptop/internal/metric"
)

// serveOptions say who is answered.
type serveOptions struct {
	addr     string
	file     string
	insecure bool
}

func (o *serveOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringVar(&o.addr, "listen", "", "answer GET /metrics at `[host]:port`; without a host only this machine")
	f.StringVar(&o.file, "web-config", "", "TLS and authentication from `file`, as of Prometheus' exporter-toolkit; needed for others than this machine")
	f.BoolVar(&o.insecure, "insecure-listen", false, "answer others without TLS or authentication, too")
	return f
}

// files are those that are read again while it runs: the configuration, and its
// certificates, which mostly are beside it.
func (o *serveOptions) files() []string {
	if o.file == "" {
		return nil
	}
	return []string{o.file, filepath.Dir(o.file)}
}

func (o *serveOptions) url(addr string) string {
	scheme := "http"
	if o.file != "" {
		scheme = "https"
	}
	return scheme + "://" + addr + "/metrics"
}

func (o *serveOptions) open(board *metric.Board, pulse *pulse) (*metric.Server, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", board.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if age, well := pulse.well(); !well {
			http.Error(w, fmt.Sprintf("no tick for %v", age), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok") //nolint:errcheck // whoever asked has gone
	})
	s, err := metric.Listen(metric.ServeConfig{Addr: o.addr, File: o.file, Insecure: o.insecure}, mux)
	var open *metric.OpenError
	switch {
	case errors.As(err, &open):
		return nil, usagef("--web-config FILE has both; --insecure-listen does without; --listen :PORT is for this machine alone", "--listen %s: %v", o.addr, err)
	case err != nil:
		return nil, &failure{code: exitRuntime, msg: fmt.Sprintf("--listen %s: %v", o.addr, err)}
	}
	return s, nil
}
