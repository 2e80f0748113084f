package tui

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// frames are what a screen may have to show.
func frames() []frameCase {
	return []frameCase{
		{"rate", "rate", "", ""},
		{"text", "process", "", ""},
		{"rate-filter", "rate", "rport>2000 and rtt>1ms", ""},
		{"text-filter", "process", "comm~worker-1", ""},
		{"rate-group", "rate", "", "process"},
		{"rate-group-remote", "rate", "", "remote"},
	}
}

type frameCase struct{ name, sort, filter, group string }

func (d *driver) setUp(c frameCase) {
	d.sortBy(c.sort)
	d.view().sort.desc = c.sort == "rate"
	d.view().setGroup(c.group)
	d.bar.set(c.filter)
	d.arrange()
}

// forget has the next frame look at every row, as it does where all moved.
func (d *driver) forget() {
	clear(d.seen.still)
	clear(d.skim.pages)
}

// BenchmarkFrame is one tick on the screen, all rows of which moved: take the snapshot,
// sort, filter, draw. Of still ones none did.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		for _, h := range []int{50, 200} {
			d := many(b, n, 200, h)
			for _, c := range frames() {
				b.Run(fmt.Sprintf("rows=%d/lines=%d/%s", n, h, c.name), func(b *testing.B) { d.frames(b, c, d.forget) })
			}
			d.rest(2)
			for _, c := range frames() {
				b.Run(fmt.Sprintf("rows=%d/lines=%d/%s/still", n, h, c.name), func(b *testing.B) { d.frames(b, c, func() {}) })
			}
		}
	}
}

// rest is ticks in which nothing moves.
func (d *driver) rest(ticks int) {
	for range ticks {
		d.tick(&conn.Sample{Time: d.shown.Time.Add(time.Second), Mono: d.shown.Mono + second, Host: "web1", Origin: conn.FromBPF}, 0)
	}
}

func (d *driver) frames(b *testing.B, c frameCase, before func()) {
	d.setUp(c)
	b.ReportAllocs()
	for b.Loop() {
		before()
		d.tally.add(d.seen.digest(d.shown))
		d.arrange()
		d.View()
	}
}

// BenchmarkKey is a key press at a hundred thousand rows, until it is drawn.
func BenchmarkKey(b *testing.B) {
	d := many(b, 100_000, 200, 50)
	for _, k := range []string{"j", "G", "g", "pgdown", "I", "right", "enter", "2", "3", "1"} {
		b.Run(k, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.view().window = d.view().window[:0] // what the key asks for is not at hand
				d.Update(keyOf(k))
				d.View()
				if d.pane != nil {
					d.closePane()
				}
			}
		})
	}
	b.Run("o", func(b *testing.B) {
		for b.Loop() {
			d.Update(keyOf("o"))
			d.View()
			d.view().frozen = nil
		}
	})
	for _, filter := range []string{"worker-1 tcp", "rtt>1ms and comm~1"} {
		b.Run("filter typed/"+filter, func(b *testing.B) { typed(b, d, []rune(filter)) })
	}
}

// typed is one key of a filter that is typed over and over.
func typed(b *testing.B, d *driver, text []rune) {
	d.press("/")
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if at == len(text) {
			at = 0
			d.bar.set("")
		}
		d.typeText(string(text[at]))
		d.View()
		at++
	}
	d.press("esc")
}

// What a frame allocates does not depend on the number of rows and groups.
func TestAllocations(t *testing.T) {
	small, large := many(t, 10_000, 200, 50), many(t, 100_000, 200, 50)
	for _, c := range frames() {
		if c.name == "text-filter" {
			c.filter = "comm=worker-1" // a regular expression has a pool, which the race detector empties
		}
		t.Run(c.name, func(t *testing.T) {
			n, size := small.allocations(c)
			n10, size10 := large.allocations(c)
			if n10 > n*1.5+20 || size10 > size*1.5+4096 {
				t.Errorf("%.0f allocations of %.0f bytes, and of ten times the rows %.0f of %.0f", n, size, n10, size10)
			}
			if g := large.view().grouping; g != nil && cap(g.visible) > 4*large.height {
				t.Errorf("%d sums are kept for a screen of %d lines", cap(g.visible), large.height)
			}
		})
	}
}

// allocations are how many a frame needs, and their bytes.
func (d *driver) allocations(c frameCase) (n, size float64) {
	frame := func() {
		d.arrange()
		d.View()
	}
	d.setUp(c)
	frame()
	const runs = 3
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n = testing.AllocsPerRun(runs, frame)
	runtime.ReadMemStats(&after)
	return n, float64(after.TotalAlloc-before.TotalAlloc) / (runs + 1)
}
