package tui

import (
	"context"
	"errors"
	"io"

	tea "charm.land/bubbletea/v2"
)

// framesPerSecond is how often bubbletea looks whether there is something to write,
// also where nothing happens: each time costs some 0.15 ms of processor time, most of it for waking
// threads. A key's answer waits for a tenth of a second at most.
const framesPerSecond = 10

// Terminal is where the screen is shown.
type Terminal struct {
	In      io.Reader
	Out     io.Writer
	Environ []string
	Width   int // where Out is no terminal that knows its size
	Height  int
}

// Run shows m until it is left, its source ends or ctx does, and restores the
// terminal. It returns why the source ended, if that was an error.
func Run(ctx context.Context, m *Model, t Terminal) error {
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(t.In), tea.WithOutput(t.Out),
		tea.WithEnvironment(t.Environ), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)}
	if t.Width > 0 {
		options = append(options, tea.WithWindowSize(t.Width, t.Height))
	}
	_, err := tea.NewProgram(m, options...).Run()
	if err != nil && ctx.Err() != nil && !errors.Is(err, tea.ErrProgramPanic) {
		err = nil
	}
	return errors.Join(err, m.err)
}
