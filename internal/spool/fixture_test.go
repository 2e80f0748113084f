package spool

import (
	"testing"

	"tcptop/internal/column"
	"tcptop/internal/flow"
	"tcptop/internal/testkit"
	"tcptop/internal/testkit/records"
)

func TestMain(m *testing.M) {
	child()
	testkit.Main(m)
}

func open(t testing.TB, cfg Config) *Spool {
	t.Helper()
	cfg.Host, cfg.Schema = "web-1", flow.NewSchema(column.New())
	if cfg.Epoch == 0 {
		cfg.Epoch = 1e18
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *Spool) reopen(t testing.TB) *Spool {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.cfg)
}

// drain delivers all that waits, the oldest first.
func drain(t testing.TB, s *Spool, e *records.Engine) {
	t.Helper()
	for g := s.Take(false); g != nil; g = s.Take(false) {
		e.Insert(t, g.Lines)
		s.Done(g)
	}
}
