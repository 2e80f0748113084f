package screen

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// TestBound has more connections than there is room for: the header of the screen says
// how many have no row.
func TestBound(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	const room, conns = 512, 600 // two sockets each
	bin, ns := build(t), testkit.NetNS(t)
	w := open(t, 120, 30, fmt.Sprintf("%s --tcp --max-conns %d --netns %d; %s", bin, room, ns.Inode(), farewell))
	w.sees(`lost 0`, `tcptop \S+`)
	load := testkit.Start(t, ns, "idle", "-n", strconv.Itoa(conns))
	load.Ready()
	w.sees(`lost \d+ rows`)
	for _, up := range []string{`up \d`, `up ([6-9]|\d\d|\dm)`} { // passes find the same again, and count nothing twice
		_, text, _ := strings.Cut(w.sees(`lost \d+ rows`, up), "lost ")
		text, _, _ = strings.Cut(text, " rows")
		lost, err := strconv.Atoi(text)
		if err != nil || lost < 2*conns-room || lost > 2*conns {
			t.Errorf("%q rows have no room, want %d to %d", text, 2*conns-room, 2*conns)
		}
	}
	w.keys("q")
	w.sees(`left with 0`)
	load.Finish()
}
