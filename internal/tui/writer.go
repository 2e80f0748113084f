package tui

import (
	"reflect"
	"time"

	tea "charm.land/bubbletea/v2"
)

// framesPerSecond is how often the screen is written at most. bubbletea by itself looks so
// often whether there is something to write, also where nothing happens: each time costs
// some 0.15 ms of processor time, most of it for waking threads.
const framesPerSecond = 20

// writer has bubbletea write the screen when something has happened, and only then.
type writer struct {
	*Model
	send  func(tea.Msg)
	write chan time.Time // whoever reads it writes
	asked bool           // a writeMsg is under way
	rest  *time.Timer    // until the next frame may be written
}

// writeMsg says that what was drawn can be written: the program renders what Update left
// before it takes another message.
type writeMsg struct{}

func newWriter(m *Model) *writer {
	return &writer{Model: m, write: make(chan time.Time, 1), rest: time.NewTimer(0)}
}

// paces takes the ticker of a program's renderer over before that starts, and reports
// whether it could. It is bubbletea's own (v2.1), which has no way to ask for a frame; where
// it is no longer there, the screen is written as often as bubbletea does it.
func (w *writer) paces(p *tea.Program) bool {
	w.send = p.Send
	field := reflect.ValueOf(p).Elem().FieldByName("ticker")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*time.Ticker]() {
		return false
	}
	ticker := time.NewTicker(time.Hour) // nobody reads its own channel: it wakes nobody
	ticker.C = w.write
	*(**time.Ticker)(field.Addr().UnsafePointer()) = ticker
	return true
}

// Update is the model's, after which the screen is written.
func (w *writer) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(writeMsg); ok {
		w.asked = false
		w.rest.Reset(time.Second / framesPerSecond)
		select {
		case w.write <- time.Time{}:
		default:
		}
		return w, nil
	}
	_, cmd := w.Model.Update(msg)
	if !w.asked {
		w.asked = true
		go func() {
			<-w.rest.C
			w.send(writeMsg{})
		}()
	}
	return w, cmd
}
