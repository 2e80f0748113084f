package screen

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"tcptop/internal/testkit"
)

// TestBound has more connections than there is room for: the header of the screen says
// how many have no row now, and how many had none so far; the help says whose they are.
func TestBound(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	const room, conns = 512, 600 // two sockets each
	bin, ns := build(t), testkit.NetNS(t)
	w := open(t, 120, 30, fmt.Sprintf("%s --tcp --max-conns %d --netns %d; %s", bin, room, ns.Inode(), farewell))
	w.sees(`lost 0`, `tcptop \S+`)
	load := testkit.Start(t, ns, "idle", "-n", strconv.Itoa(conns))
	load.Ready()
	w.sees(`not shown, lost \d+ rows`)
	for _, up := range []string{`up \d`, `up ([6-9]|\d\d|\dm)`} { // passes find the same again, and count nothing twice
		screen := w.sees(`\d+ not shown, lost \d+ rows`, up)
		for _, what := range []string{`(\d+) not shown`, `lost (\d+) rows`} {
			text := regexp.MustCompile(what).FindStringSubmatch(screen)[1]
			if n, err := strconv.Atoi(text); err != nil || n < 2*conns-room || n > 2*conns {
				t.Errorf("%q: %s, want %d to %d", what, text, 2*conns-room, 2*conns)
			}
		}
	}
	w.keys("?", "G")
	w.sees(`owner +load \d+: \d+ open now`, `remote +127\.0\.0\.1: \d+ open now`)
	w.keys("Escape")
	load.Finish()
	w.sees(`lost \d+ rows`, `every`)
	w.lacks(`not shown`)
	w.keys("q")
	w.sees(`left with 0`)
}
