package tui

import (
	"context"
	"errors"
	"io"

	tea "charm.land/bubbletea/v2"
)

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
	w := newWriter(m)
	program := tea.NewProgram(w, options...)
	w.paces(program)
	_, err := program.Run()
	if err != nil && ctx.Err() != nil && !errors.Is(err, tea.ErrProgramPanic) {
		err = nil
	}
	return errors.Join(err, m.err)
}
