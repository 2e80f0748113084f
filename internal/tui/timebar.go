package tui

import (
	"fmt"
	"time"
)

// timeHeight is how many lines the time bar takes: none on a low screen, where the
// status line gives way to it.
func (m *Model) timeHeight() int {
	if m.past.on && m.height >= 9 {
		return 1
	}
	return 0
}

// drawTime writes where in the past the screen is, and whether it moves.
func (m *Model) drawTime(p *pen) {
	s := m.head()
	m.past.bar = timeBar{}
	first, last := m.cfg.Past.Bounds()
	if now := m.latest.Snapshot; now != nil {
		last = now.Time
	}
	name := " PAST "
	if m.cfg.Replay {
		name = " REPLAY "
	}
	p.text(banner, name+m.clock(s.Time)+" ")
	if ago := last.Sub(s.Time); !m.cfg.Replay && ago > 0 {
		p.text(banner, duration(ago)+" ago ")
	}
	how, keys := m.motion(p.ascii, last), m.timeKeys()
	room := p.left() - textWidth([]byte(how)) - textWidth([]byte(keys)) - 2
	ends := [2]string{m.clock(first), m.clock(last)}
	if room >= 10+len(ends[0])+len(ends[1])+4 {
		p.text(dim, " "+ends[0])
		m.drawBar(p, room-len(ends[0])-len(ends[1])-4, first, last)
		p.text(dim, ends[1]+" ")
	} else if room >= 8 {
		m.drawBar(p, room-1, first, last)
	}
	p.to(plain, p.width-textWidth([]byte(how))-textWidth([]byte(keys))-1)
	p.text(strong, how)
	p.text(dim, keys)
	p.end()
}

// timeBar is where on the screen the bar was drawn, and what it stands for.
type timeBar struct {
	x, y, w     int
	first, last time.Time
}

// at is the time at a place on the screen, if the bar is there.
func (b *timeBar) at(x, y int) (time.Time, bool) {
	if b.w < 2 || y != b.y || x < b.x || x >= b.x+b.w {
		return time.Time{}, false
	}
	part := float64(x-b.x) / float64(b.w-1)
	return b.first.Add(time.Duration(part * float64(b.last.Sub(b.first)))), true
}

// drawBar writes the time that there is, in w cells and a space on either side, with a
// mark where the tick shown is.
func (m *Model) drawBar(p *pen, w int, first, last time.Time) {
	done, mark, rest := "━", "●", "─"
	if p.ascii {
		done, mark, rest = "=", "O", "-"
	}
	at := 0
	if whole := last.Sub(first); whole > 0 {
		part := float64(m.head().Time.Sub(first)) / float64(whole)
		at = min(max(int(part*float64(w-1)+0.5), 0), w-1)
	}
	p.text(plain, " ")
	m.past.bar = timeBar{x: p.x, y: p.y, w: w, first: first, last: last}
	for i := range w {
		switch {
		case i == at:
			p.text(banner, mark)
		case i < at:
			p.text(plain, done)
		default:
			p.text(dim, rest)
		}
	}
	p.text(plain, " ")
}

// motion is whether the past plays and how fast.
func (m *Model) motion(ascii bool, last time.Time) string {
	sign := "stopped"
	switch {
	case !m.past.playing && m.cfg.Replay && !m.head().Time.Before(last):
		sign = "at the end"
	case m.past.playing && ascii:
		sign = ">"
	case m.past.playing:
		sign = "▶"
	}
	return fmt.Sprintf(" %s %dx", sign, m.past.speed)
}

// timeKeys are those that one should know here, as many as there is room for.
func (m *Model) timeKeys() string {
	keys := ""
	switch w := m.width; {
	case w >= 140:
		keys = "  Space play  + - speed  [ ] tick  { } minute  J time"
	case w >= 100:
		keys = "  Space [ ] { } J"
	}
	if !m.cfg.Replay && m.width >= 70 {
		keys += "  Esc now"
	}
	return keys
}
