package tui

import (
	"bytes"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// FuzzKeys sends any keys, sizes, clicks and ticks: the screen never panics and
// is always a rectangle of safe text.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("jjG\rq\x1ba/comm=x\x1b2\r3\rIIcc \x1b? \x1bKy Xy tzoomF"))
	f.Add([]byte{0xf0, 1, 1, 'G', 0xf0, 200, 60, 0xf1, 'a', 'a', '\r', 'j', 0xf1, 0xf2, 9, 9, '5', 0xf1, ' ', 0xf1, 0xf1, ' '})
	f.Add([]byte("[[\xf1]} {\xf1\xf1\xf4 +\xf4\xf5J18:00:01\rE\x1bo[m]jm[5[\r]\x1b\x1b"))
	names := map[byte]rune{1: tea.KeyUp, 2: tea.KeyDown, 3: tea.KeyLeft, 4: tea.KeyRight, 5: tea.KeyPgUp, 6: tea.KeyPgDown,
		8: tea.KeyBackspace, 9: tea.KeyTab, 13: tea.KeyEnter, 27: tea.KeyEscape}
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 300 {
			return
		}
		d, p := onTape(t, 80, 24, 3)
		n := 3
		for r := bytes.NewReader(stream); r.Len() > 0; {
			b, _ := r.ReadByte()
			switch code, named := names[b]; {
			case b == 0xf0:
				w, _ := r.ReadByte()
				h, _ := r.ReadByte()
				d.Update(tea.WindowSizeMsg{Width: int(w), Height: int(h)})
			case b == 0xf1:
				p.samples = append(p.samples, later(ticks()[0], n))
				d.tick(p.samples[n], n)
				n++
			case b == 0xf2:
				x, _ := r.ReadByte()
				y, _ := r.ReadByte()
				d.Update(tea.MouseClickMsg{X: int(x), Y: int(y), Button: tea.MouseLeft})
			case b == 0xf4:
				_, cmd := d.Update(playMsg{d.past.wake})
				d.travelling(cmd)
			case b == 0xf5: // a key while a move is under way
				_, cmd := d.Update(keyOf("["))
				d.Update(keyOf("esc"))
				d.travelling(cmd)
			case b == 0xf3:
				d.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
			case named:
				d.key(tea.KeyPressMsg{Code: code})
			case b < ' ':
				d.key(tea.KeyPressMsg{Code: rune('a' + b - 1), Mod: tea.ModCtrl})
			default:
				d.key(tea.KeyPressMsg{Code: rune(b), Text: string(rune(b))})
			}
			d.Update(settleMsg{d.bar.edit})
			checkScreen(t, d.View().Content, d.width, d.height)
		}
	})
}

// FuzzText feeds outside text: the screen and the terminal agree on its width.
func FuzzText(f *testing.F) {
	for _, s := range hostile() {
		f.Add([]byte(s), 12)
	}
	f.Fuzz(func(t *testing.T, text []byte, w int) {
		w = min(max(w, 1), 200)
		got := trimMiddle(appendSafe(nil, text, false), 0, w, false)
		if n := textWidth(got); n > w {
			t.Errorf("%q takes %d cells of %d", got, n, w)
		}
		p := pen{}
		p.begin(newTheme("mono", true), false, w, 1)
		p.bytes(plain, got)
		p.end()
		checkScreen(t, p.String(), w, 1)
	})
}
