package tui

import "unicode/utf8"

// ring holds the last values of a series.
type ring struct {
	values []float32
	next   int
	full   bool
}

func newRing(n int) ring { return ring{values: make([]float32, n)} }

func (r *ring) add(v float32) {
	r.values[r.next] = v
	if r.next++; r.next == len(r.values) {
		r.next, r.full = 0, true
	}
}

func (r *ring) len() int {
	if r.full {
		return len(r.values)
	}
	return r.next
}

// back is the value i before the newest; 0 where there is none.
func (r *ring) back(i int) float32 {
	if i >= r.len() {
		return 0
	}
	return r.values[(r.next-1-i+2*len(r.values))%len(r.values)]
}

// peak is the highest of the last n values.
func (r *ring) peak(n int) float32 {
	top := float32(0)
	for i := range min(n, r.len()) {
		top = max(top, r.back(i))
	}
	return top
}

// squeeze puts the highest of every few values into dst, so few that all of r is at
// most n values. They are counted from the oldest, so that peaks stay where they are.
func (r *ring) squeeze(dst *ring, n int) {
	each := max((r.len()+n-1)/max(n, 1), 1)
	dst.next, dst.full = 0, false
	for i := r.len() - 1; i >= 0; i -= each {
		top := r.back(i)
		for j := i - 1; j > i-each && j >= 0; j-- {
			top = max(top, r.back(j))
		}
		dst.add(top)
	}
}

// brailleColumn is the dots of one half of a braille character, by height.
func brailleColumn(height int, right bool) rune {
	if right {
		return [...]rune{0, 0x80, 0xa0, 0xb0, 0xb8}[height]
	}
	return [...]rune{0, 0x40, 0x44, 0x46, 0x47}[height]
}

// perCell is how many values a cell of a graph holds.
func perCell(ascii bool) int {
	if ascii {
		return 1
	}
	return 2
}

// level is how many of steps v reaches; anything above nothing reaches one.
func level(v, top float32, steps int) int {
	if v <= 0 || top <= 0 {
		return 0
	}
	return min(max(int(v/top*float32(steps)+0.5), 1), steps)
}

// appendGraph appends line row (0 is the top one) of a graph of w cells and h
// lines, the newest value at the right, scaled to top.
func (r *ring) appendGraph(dst []byte, w, row, h int, top float32, ascii bool) []byte {
	below := h - 1 - row
	for x := w - 1; x >= 0; x-- {
		if ascii {
			const ramp = " .:-=+*#"
			n := level(r.back(x), top, h*(len(ramp)-1)) - below*(len(ramp)-1)
			dst = append(dst, ramp[min(max(n, 0), len(ramp)-1)])
			continue
		}
		left := level(r.back(2*x+1), top, 4*h) - 4*below
		right := level(r.back(2*x), top, 4*h) - 4*below
		dots := brailleColumn(min(max(left, 0), 4), false) | brailleColumn(min(max(right, 0), 4), true)
		if dots == 0 {
			dst = append(dst, ' ')
			continue
		}
		dst = utf8.AppendRune(dst, 0x2800+dots)
	}
	return dst
}
