package tui

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
)

// TestWriterPaces holds that bubbletea still has the ticker that the writer takes over.
func TestWriterPaces(t *testing.T) {
	w := newWriter(New(Config{List: column.New()}))
	if !w.paces(tea.NewProgram(w)) {
		t.Error("bubbletea's renderer has no ticker: an idle screen wakes up for each frame that there could be")
	}
}

// TestWriter holds that what happens is written at once, what follows soon with the next
// frame, all of it together, and that nothing is written where nothing happens.
func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriter(New(Config{List: column.New()}))
		var asked atomic.Int64
		w.send = func(tea.Msg) { asked.Add(1) }
		written := func(messages int64) {
			t.Helper()
			synctest.Wait()
			if n := asked.Swap(0); n != messages {
				t.Fatalf("asked %d times to be written, want %d", n, messages)
			}
			if messages == 0 {
				return
			}
			w.Update(writeMsg{})
			select {
			case <-w.write:
			default:
				t.Fatal("nothing is written")
			}
		}
		happen := func() { w.Update(tea.WindowSizeMsg{Width: 80, Height: 24}) }
		happen()
		happen()
		written(1)
		time.Sleep(time.Hour)
		written(0)
		happen()
		written(1)
		happen()
		happen()
		written(0)
		time.Sleep(time.Second / framesPerSecond)
		written(1)
	})
}
