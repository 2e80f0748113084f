package tui

import (
	"fmt"
	"testing"
)

// BenchmarkFrame is one tick on the screen: take the snapshot, sort, filter, draw.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		for _, h := range []int{50, 200} {
			d := many(b, n, 200, h)
			for _, c := range []struct {
				name, sort, filter, group string
			}{
				{"rate", "rate", "", ""}, {"text", "process", "", ""}, {"rate-filter", "rate", "rport>2000 and rtt>1ms", ""},
				{"text-filter", "process", "comm~worker-1", ""}, {"rate-group", "rate", "", "process"}, {"rate-group-remote", "rate", "", "remote"},
			} {
				b.Run(fmt.Sprintf("rows=%d/lines=%d/%s", n, h, c.name), func(b *testing.B) {
					d.sortBy(c.sort)
					d.view().sort.desc = c.sort == "rate"
					d.view().setGroup(c.group)
					d.bar.set(c.filter)
					b.ReportAllocs()
					for b.Loop() {
						d.tally.add(d.seen.digest(d.shown))
						d.arrange()
						d.View()
					}
				})
			}
		}
	}
}

// BenchmarkKey is a key press at a hundred thousand rows.
func BenchmarkKey(b *testing.B) {
	d := many(b, 100_000, 200, 50)
	for _, k := range []string{"j", "G", "g", "pgdown", "I", "right", "enter", "2", "1"} {
		b.Run(k, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.press(k)
				d.View()
				if d.pane != nil {
					d.closePane()
				}
			}
		})
	}
	b.Run("filter", func(b *testing.B) {
		d.press("/")
		for b.Loop() {
			d.press("r")
			d.View()
			d.press("backspace")
			d.View()
		}
	})
}
