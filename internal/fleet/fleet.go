// Package fleet asks an engine that keeps what agents tell (docs/metrics.md) and makes
// snapshots of its answers: the same rows for the same screen, a group of connections for
// each, and every host that the engine knows.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	prom "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Config says who is asked, and how. Zero fields take their defaults.
type Config struct {
	URL       *url.URL          // of an engine that answers PromQL over HTTP
	Headers   map[string]string // with each question
	Transport http.RoundTripper // nil is Go's
	HostLabel string            // that tells hosts apart; instance
	Top       int               // groups that are looked for; 200
	Timeout   time.Duration     // for all questions of a snapshot; 10s
	Window    time.Duration     // that rates are over; 1m
}

// Engine is asked for snapshots.
type Engine struct {
	cfg     Config
	api     prom.API
	records bool      // the recording rules of packaging/prometheus are there
	probed  time.Time // when that was looked for
}

// Bounds on what is asked and taken.
const (
	batch      = 200      // hosts whose groups one question is for
	maxBatches = 6        // of these; what they leave open is said
	maxAnswer  = 64 << 20 // bytes
	probeEvery = 5 * time.Minute
	memory     = "15m" // for which a host is remembered that is not heard any more
)

// New makes an Engine; nobody is asked yet.
func New(cfg Config) (*Engine, error) {
	if cfg.HostLabel == "" {
		cfg.HostLabel = "instance"
	}
	if cfg.Top <= 0 {
		cfg.Top = 200
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Window <= 0 {
		cfg.Window = time.Minute
	}
	if !model.LegacyValidation.IsValidLabelName(cfg.HostLabel) {
		return nil, fmt.Errorf("%q is no label", cfg.HostLabel)
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	client, err := api.NewClient(api.Config{Address: cfg.URL.String(), RoundTripper: caller{&cfg}})
	if err != nil {
		return nil, err
	}
	return &Engine{cfg: cfg, api: prom.NewAPI(client)}, nil
}

// caller adds headers to questions and bounds answers.
type caller struct{ cfg *Config }

// RoundTrip implements http.RoundTripper.
func (c caller) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range c.cfg.Headers {
		r.Header.Set(name, value)
	}
	answer, err := c.cfg.Transport.RoundTrip(r)
	if err == nil {
		answer.Body = limited{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

type limited struct {
	io.Reader
	io.Closer
}

// asking is the questions of one snapshot.
type asking struct {
	*Engine
	at       time.Time
	asked    int
	warnings []string // of the engine: its answers may lack something
}

// vector asks what query is at the time.
func (a *asking) vector(ctx context.Context, query string) (model.Vector, error) {
	a.asked++
	value, warnings, _, err := a.api.Query(ctx, query, a.at)
	for _, w := range warnings {
		if len(a.warnings) < maxWarnings {
			a.warnings = append(a.warnings, w)
		}
	}
	if err != nil {
		return nil, cause(err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("the engine answers with a %s", value.Type())
	}
	return vector, nil
}

const maxWarnings = 4

// cause is what an engine says of itself, and without the address what the network does.
func cause(err error) error {
	if told, ok := errors.AsType[*prom.Error](err); ok && told.Detail != "" && len(told.Detail) < 200 {
		return fmt.Errorf("%w: %s", err, told.Detail)
	}
	if call, ok := errors.AsType[*url.Error](err); ok {
		return call.Err
	}
	return err
}
