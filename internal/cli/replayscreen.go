package cli

import (
	"context"

	"tcptop/internal/record"
)

// replayScreen shows the recording in the screen.
func (p *plan) replayScreen(context.Context, *record.Reader, spanTimes) error {
	return usagef("add -b, or -o csv or jsonl", "replay has no screen yet: it prints lines")
}
