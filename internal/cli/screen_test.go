package cli

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/tui"
)

// A defect while measuring ends the screen with an error instead of leaving the
// terminal to a program that died.
func TestFeedPanicEndsTheScreen(t *testing.T) {
	p := &plan{env: &Env{Open: func(conn.Config) (Collector, error) { panic("a defect") }}}
	err := p.feedUntil(context.Background(), tui.NewMailbox(), make(chan string, 1), nil, nil, nil)
	f, ok := errors.AsType[*failure](err)
	if !ok || f.code != exitRuntime || !strings.Contains(f.msg, "a defect") || !strings.Contains(f.hint, "feedUntil") {
		t.Errorf("%#v", err)
	}
}
