package tui

// pen writes a picture of fixed size, line by line: no line is longer or shorter
// than the screen is wide, and none is missing.
type pen struct {
	theme  *theme
	ascii  bool
	width  int
	height int

	buf      []byte
	x, y     int
	now      style
	reversed bool // the line is the selected one
	dirty    bool // an escape sequence is in force
}

const reset = "\x1b[m"

// begin starts a picture.
func (p *pen) begin(t *theme, ascii bool, width, height int) {
	*p = pen{theme: t, ascii: ascii, width: max(width, 1), height: max(height, 1), buf: p.buf[:0]}
}

// left is how many cells remain in the line.
func (p *pen) left() int { return p.width - p.x }

// lines is how many lines remain, the current one included.
func (p *pen) lines() int { return p.height - p.y }

// reverse marks the rest of the line as selected.
func (p *pen) reverse() {
	p.reversed = true
	p.now = styles
}

func (p *pen) use(st style) {
	if st == p.now {
		return
	}
	if p.dirty {
		p.buf = append(p.buf, reset...)
		p.dirty = false
	}
	if on := p.theme.on[st]; on != "" {
		p.buf = append(p.buf, on...)
		p.dirty = true
	}
	if p.reversed {
		p.buf = append(p.buf, p.theme.selected...)
		p.dirty = true
	}
	p.now = st
}

// text writes s, which is safe, as far as the line goes.
func (p *pen) text(st style, s string) {
	if len(s) > 4*p.left() {
		s = s[:4*p.left()]
	}
	p.bytes(st, []byte(s))
}

// bytes writes s, which is safe, as far as the line goes.
func (p *pen) bytes(st style, s []byte) {
	if p.y >= p.height || p.left() <= 0 || len(s) == 0 {
		return
	}
	head, n := headOf(s, p.left())
	p.use(st)
	p.buf = append(p.buf, head...)
	p.x += n
}

// space writes n blanks.
func (p *pen) space(st style, n int) {
	n = min(n, p.left())
	if p.y >= p.height || n <= 0 {
		return
	}
	p.use(st)
	for range n {
		p.buf = append(p.buf, ' ')
	}
	p.x += n
}

// to moves to column x, if that is ahead.
func (p *pen) to(st style, x int) { p.space(st, x-p.x) }

// field writes safe text into w cells.
func (p *pen) field(st style, s []byte, w int, right bool) {
	head, n := headOf(s, min(w, p.left()))
	if right {
		p.space(st, w-n)
	}
	p.bytes(st, head)
	if !right {
		p.space(st, w-n)
	}
}

// end finishes the line.
func (p *pen) end() { p.endWith(plain) }

// endWith finishes the line in style st.
func (p *pen) endWith(st style) {
	if p.y >= p.height {
		return
	}
	p.space(st, p.left())
	p.use0()
	p.y++
	p.x, p.reversed, p.now = 0, false, plain
	if p.y < p.height {
		p.buf = append(p.buf, '\n')
	}
}

func (p *pen) use0() {
	if p.dirty {
		p.buf = append(p.buf, reset...)
		p.dirty = false
	}
	p.now = plain
}

// fill ends lines until n remain.
func (p *pen) fill(n int) {
	for p.lines() > n {
		p.end()
	}
}

func (p *pen) String() string { return string(p.buf) }
