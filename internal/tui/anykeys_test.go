package tui

import (
	"math/rand/v2"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestAnyKeys sends a few thousand keys, sizes, clicks and ticks, always the same.
func TestAnyKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 12
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		d, p := onTape(t, 80, 24, 3)
		var sent []string
		for n := 3; n < 150; n++ {
			msg := anything(rng)
			if s, ok := msg.(interface{ String() string }); ok {
				sent = append(sent, s.String())
			}
			p.samples = append(p.samples, later(ticks()[0], n))
			switch msg := msg.(type) {
			case nil:
				d.tick(p.samples[n], n)
			case playMsg:
				_, cmd := d.Update(playMsg{d.past.wake})
				d.travelling(cmd)
			case tea.KeyPressMsg:
				d.key(msg)
			default:
				d.Update(msg)
			}
			d.Update(settleMsg{d.bar.edit})
			checkScreen(t, d.View().Content, d.width, d.height)
			if t.Failed() {
				t.Fatalf("after %q at %dx%d", sent, d.width, d.height)
			}
		}
	}
}

// anything is a message, nil for a tick.
func anything(rng *rand.Rand) tea.Msg {
	codes := []rune{tea.KeyUp, tea.KeyDown, tea.KeyLeft, tea.KeyRight, tea.KeyPgUp, tea.KeyPgDown, tea.KeyBackspace, tea.KeyTab,
		tea.KeyEnter, tea.KeyEscape, tea.KeyHome, tea.KeyEnd}
	switch k := rng.IntN(24); {
	case k < 5:
		return tea.KeyPressMsg{Code: codes[rng.IntN(len(codes))]}
	case k < 15:
		c := rune(' ' + rng.IntN(95))
		return tea.KeyPressMsg{Code: c, Text: string(c)}
	case k == 15:
		return tea.PasteMsg{Content: "rtt>5ms\x1b[2J\nעברית日本" + string(rune(rng.IntN(0x3000)))}
	case k == 16:
		return tea.WindowSizeMsg{Width: rng.IntN(220), Height: rng.IntN(60)}
	case k == 17:
		return tea.MouseClickMsg{X: rng.IntN(220), Y: rng.IntN(60), Button: tea.MouseLeft}
	case k == 18:
		return tea.MouseWheelMsg{Button: tea.MouseWheelDown}
	case k == 19:
		return playMsg{}
	case k < 22:
		c := []rune("[]{}J ")[rng.IntN(6)]
		return tea.KeyPressMsg{Code: c, Text: string(c)}
	}
	return nil
}
