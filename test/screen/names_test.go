package screen

import (
	"fmt"
	"regexp"
	"testing"

	"tcptop/internal/testkit"
)

// asker is a network namespace with busy connections and a DNS server that knows what
// 127.0.0.1 is called, in which packets to port 53 are counted.
type asker struct {
	*testkit.NS
	t    *testing.T
	home int // process that is in it
}

func newAsker(t *testing.T) *asker {
	t.Helper()
	testkit.Tools(t, "dnsmasq", "nsenter", "unshare", "mount")
	a := &asker{NS: ringing(t), t: t}
	a.Nft(`table inet names {
		counter asked { }
		chain out {
			type filter hook output priority 0
			meta l4proto { tcp, udp } th dport { 53, 853, 5353 } counter name asked
		}
	}`)
	server := a.Command("dnsmasq", "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
		"--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--ptr-record=1.0.0.127.in-addr.arpa,edge-17.cdn.test")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	a.home = server.Process.Pid
	return a
}

// in is a shell command that runs another one in the namespace, where the resolver asks
// its server and knows no other names.
func (a *asker) in(command string) string {
	const etc = "mount -t tmpfs tmpfs /etc && echo nameserver 127.0.0.1 >/etc/resolv.conf"
	return fmt.Sprintf("nsenter --net=/proc/%d/ns/net unshare -m sh -c '%s && %s'; %s", a.home, etc, command, farewell)
}

// asked is how many packets went to port 53 so far.
func (a *asker) asked() string {
	a.t.Helper()
	out, err := a.Command("nft", "list", "counter", "inet", "names", "asked").CombinedOutput()
	found := regexp.MustCompile(`packets (\d+)`).FindSubmatch(out)
	if err != nil || found == nil {
		a.t.Fatalf("nft: %v\n%s", err, out)
	}
	return string(found[1])
}

// TestNumericAsksNobody counts what leaves for a DNS server: nothing with -N, nothing from
// the stream, and nothing from the screen until somebody wants names.
func TestNumericAsksNobody(t *testing.T) {
	testkit.Kernel(t)
	testkit.Tools(t, "tmux")
	bin, a := build(t), newAsker(t)
	w := open(t, 120, 30, a.in(fmt.Sprintf("%s -N --netns %d", bin, a.Inode())))
	w.usual()
	w.keys("n")
	w.sees(`names for addresses are off \(-N\)`)
	w.keys("3") // every remote
	w.ticks(3)
	w.keys("q")
	w.sees(`left with 0`)
	if n := a.asked(); n != "0" {
		t.Errorf("%s packets went to a DNS server with -N", n)
	}

	w = open(t, 120, 30, a.in(fmt.Sprintf("%s -b -n 3 --netns %d --fields raddr,rname >/dev/null", bin, a.Inode())))
	w.sees(`left with 0`)
	if n := a.asked(); n != "0" {
		t.Errorf("%s packets went to a DNS server from the stream", n)
	}

	w = open(t, 120, 30, a.in(fmt.Sprintf("%s --netns %d", bin, a.Inode())))
	w.usual()
	w.ticks(2)
	if n := a.asked(); n != "0" {
		t.Errorf("%s packets went to a DNS server before names were asked for", n)
	}
	w.keys("n")
	w.sees(`edge-17\.cdn\.test:\d`)
	if n := a.asked(); n == "0" {
		t.Error("there is a name, and no packet was counted")
	}
	w.keys("/")
	w.typed("rname~edge-17 rname_source=ptr")
	w.sees(`edge-17\.cdn\.test:\d`)
	w.keys("Enter", "3")
	w.sees(`edge-17\.cdn\.test `)
}

// ticks waits until the clock of the screen has moved n times.
func (w *terminal) ticks(n int) {
	w.t.Helper()
	clock := regexp.MustCompile(`\d\d:\d\d:\d\d`)
	for range n {
		w.lacks(regexp.QuoteMeta(clock.FindString(w.sees(clock.String()))))
	}
}
