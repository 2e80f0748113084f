package tui

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const second = int64(time.Second)

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// tcp is a connection with everything measured.
func tcp(cookie uint64, comm string, pid uint32, laddr string, lport uint16, raddr string, rport uint16) conn.Conn {
	return conn.Conn{
		ID:    conn.ID{Cookie: cookie},
		Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasQueues | conn.HasUID | conn.HasRaddr | conn.HasSettings | conn.HasRcvWnd,
		Proto: conn.TCP, State: conn.Established, Dir: conn.Out,
		Laddr: addr(laddr), Lport: lport, Raddr: addr(raddr), Rport: rport, NetNS: 4026531840, UID: 1000,
		Owner:   conn.Owner{PID: pid, Start: 100 * pid, Comm: conn.MakeName(comm), Source: conn.OwnerConnect},
		Place:   &conn.Place{User: "ann", Unit: "user@1000.service"},
		RxBytes: 1_234_567, TxBytes: 890, RxPackets: 900, TxPackets: 450,
		RTT: 24_500, RTTVar: 800, MinRTT: 20_100, ConnectTime: 25_000, Cwnd: 10, Ssthresh: 1<<31 - 1, MSS: 1448,
		SndWnd: 65_535, RcvWnd: 262_144, PacingRate: 1_000_000, CC: conn.MakeName("cubic"),
		Opened: 3 * second, LastActive: 99 * second,
	}
}

func listener(cookie uint64, comm string, pid uint32, laddr string, lport uint16) conn.Conn {
	return conn.Conn{
		ID: conn.ID{Cookie: cookie}, Has: conn.HasBacklog | conn.HasUID | conn.HasDrops, Proto: conn.TCP, State: conn.Listen,
		Dir: conn.DirListen, Laddr: addr(laddr), Lport: lport, NetNS: 4026531840,
		Owner: conn.Owner{PID: pid, Start: 100 * pid, Comm: conn.MakeName(comm), Source: conn.OwnerFiles}, BacklogMax: 511,
		Place: &conn.Place{User: "root", Unit: "nginx.service"},
	}
}

// hostile are names that a process can give itself.
func hostile() []string {
	return []string{"\x1b[2J\x1b]0;x\a", "a\nb\r\tc", "\xff\xfe\xc3(", "\u202egpj.exe", "\u0085\u009b31m\u007f",
		"\u2028\u2029\ufeff", "日本語 é", "e\u0301e\u0301\u0300", "\u05e9\u05dc\u05d5\u05dd", "👩\u200d👩\u200d👧", "🇩🇪", "ก\u0e33", ""}
}

// ticks are what a first sample finds, and two seconds after it.
func ticks() []*conn.Sample {
	first := &conn.Sample{Time: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), Mono: 100 * second, Host: "web1", Origin: conn.FromBPF}
	first.Conns = []conn.Conn{
		listener(1, "nginx", 80, "::", 443), listener(2, "sshd", 22, "0.0.0.0", 22),
		tcp(10, "curl", 4242, "192.0.2.1", 40000, "203.0.113.9", 443),
		tcp(11, "ssh", 4300, "2001:db8::1", 40001, "2001:db8:ffff:ffff:ffff:ffff:ffff:1", 22),
		tcp(12, "nginx", 80, "192.0.2.1", 443, "198.51.100.7", 51515), tcp(13, "nginx", 80, "192.0.2.1", 443, "198.51.100.7", 51516),
		{ID: conn.ID{Cookie: 14, Serial: 7}, Has: conn.HasBytes | conn.HasPackets | conn.HasRaddr, Proto: conn.UDP, Dir: conn.In, Partial: true,
			Laddr: addr("192.0.2.1"), Lport: 53, Raddr: addr("198.51.100.200"), Rport: 65000, RxBytes: 40, RxPackets: 1, LastActive: 100 * second},
	}
	for i, name := range hostile() {
		c := tcp(uint64(100+i), name, uint32(9000+i), "::ffff:10.0.0.1", 50000, "::ffff:10.0.0.2", uint16(1000+i))
		c.Process = &conn.Process{Cmdline: name, Exe: name}
		c.Remote = &conn.Remote{Name: name, Org: name, Country: name, Source: conn.NamePTR}
		c.Place = &conn.Place{User: name, Unit: name, Pod: name}
		first.Conns = append(first.Conns, c)
	}
	first.Cost = cost(0)
	return []*conn.Sample{first, later(first, 1), later(first, 2)}
}

// cost is what a tcptop takes that needs little.
func cost(n int) conn.Cost {
	return conn.Cost{Mono: 100*second + int64(n)*second, CPU: uint64(n+1) * 15_000_000, Resident: 34_000_000, Maps: 19_000_000}
}

// later is a tick in which three connections move, one opens and one closes.
func later(first *conn.Sample, n int) *conn.Sample {
	s := &conn.Sample{Time: first.Time.Add(time.Duration(n) * time.Second), Mono: first.Mono + int64(n)*second, Host: "web1", Origin: conn.FromBPF, Cost: cost(n)}
	for i, rate := range []uint64{2_500_000, 480, 120_000_000} {
		c := first.Conns[2+i]
		c.RxBytes += uint64(n) * rate
		c.TxBytes += uint64(n) * rate / 10
		c.RetransPackets = uint32(n * i)
		c.Busy, c.RwndLimited = uint64(n*(i+i%2))*450_000, uint64(n*(i-i%2))*415_000 // ssh repairs losses, nginx waits for its peer
		s.Conns = append(s.Conns, c)
	}
	opened := tcp(uint64(200+n), "wget", 5000, "192.0.2.1", uint16(41000+n), "203.0.113.9", 80)
	opened.Opened = s.Mono - second/2
	s.Conns = append(s.Conns, opened)
	if n == 2 {
		ended := first.Conns[5]
		ended.State, ended.Reason, ended.RxBytes = conn.Closed, conn.FinRemote, ended.RxBytes+999
		s.Closed = append(s.Closed, ended)
	}
	return s
}

// driver is a screen that a test drives.
type driver struct {
	*Model
	t    testing.TB
	rows *table.Table
	seen observer
}

func start(t testing.TB, w, h int, cfg Config) *driver {
	cfg.List = column.New()
	cfg.Interval = time.Second
	if cfg.Theme == "" {
		cfg.Theme = "mono"
	}
	cfg.PortName = func(_ conn.Proto, port uint16) string { return map[uint16]string{443: "https", 22: "ssh"}[port] }
	cfg.Lineage, cfg.Holders = lineage, holders
	d := &driver{Model: New(cfg), t: t, rows: table.New(table.Config{})}
	d.Update(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

// holders are a worker and its master.
func holders(conn.ID) ([]conn.Owner, error) {
	return []conn.Owner{{PID: 79, Comm: conn.MakeName("nginx")}, {PID: 80, Comm: conn.MakeName("ng\x1b[2Jx")}}, nil
}

// lineage is a master with a worker, whose command line is long and hostile.
func lineage(owner conn.Owner) ([]conn.Task, error) {
	if owner.PID != 80 {
		return nil, errors.New("the process has ended")
	}
	return []conn.Task{
		{PID: 80, Comm: "nginx", Exe: "/usr/sbin/nginx", Cmdline: "nginx: worker \x1b]0;owned\x07 " + strings.Repeat("x", 300)},
		{PID: 79, Comm: "nginx", Exe: "/usr/sbin/nginx", Cmdline: "nginx: master process"}, {PID: 1, Comm: "systemd"},
	}, nil
}

// started is a screen after the three ticks.
func started(t testing.TB, w, h int) *driver {
	d := start(t, w, h, Config{})
	for i, s := range ticks() {
		d.tick(s, i)
	}
	return d
}

func (d *driver) tick(s *conn.Sample, n int) {
	d.rows.Apply(s)
	snap := d.rows.Snapshot()
	d.Update(frameMsg{Snapshot: snap, digests: []*digest{d.seen.digest(snap)}, Uptime: time.Duration(n) * time.Second})
}

// press sends keys, each as bubbletea names it.
func (d *driver) press(keys ...string) tea.Cmd {
	var cmd tea.Cmd
	for _, k := range keys {
		_, cmd = d.Update(keyOf(k))
		d.Update(settleMsg{d.bar.edit})
		if _, open := d.pane.(*details); open && cmd != nil && !d.past.busy {
			d.answer(cmd())
		}
		cmd = d.travelling(cmd)
	}
	return cmd
}

// answer takes what one question or several came back with.
func (d *driver) answer(msg tea.Msg) {
	several, ok := msg.(tea.BatchMsg)
	if !ok {
		d.Update(msg)
		return
	}
	for _, cmd := range several {
		d.answer(cmd())
	}
}

func keyOf(name string) tea.KeyPressMsg {
	codes := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "tab": tea.KeyTab, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"f1": tea.KeyF1, "backspace": tea.KeyBackspace}
	if c, ok := codes[name]; ok {
		return tea.KeyPressMsg{Code: c}
	}
	if name == "space" {
		return tea.KeyPressMsg{Code: ' ', Text: " "}
	}
	if len(name) > 5 && name[:5] == "ctrl+" {
		return tea.KeyPressMsg{Code: rune(name[5]), Mod: tea.ModCtrl}
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

func (d *driver) typeText(s string) {
	for _, r := range s {
		if r == ' ' {
			d.press("space")
			continue
		}
		d.press(string(r))
	}
}

// many is a screen over n rows, a tenth of which move in the last tick.
func many(t testing.TB, n, w, h int) *driver {
	d := start(t, w, h, Config{})
	s := &conn.Sample{Time: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), Mono: 100 * second, Host: "web1", Origin: conn.FromBPF}
	place := &conn.Place{User: "ann"}
	for i := range n {
		c := tcp(uint64(i+1), fmt.Sprintf("worker-%d", i%97), uint32(1000+i%97), "192.0.2.1", 443, "203.0.113.9", uint16(1024+i%60000))
		c.Place = place
		c.Raddr[15], c.Raddr[14] = byte(i), byte(i>>8)
		s.Conns = append(s.Conns, c)
	}
	d.tick(s, 0)
	next := &conn.Sample{Time: s.Time.Add(time.Second), Mono: s.Mono + second, Host: "web1", Origin: conn.FromBPF}
	for i := 0; i < n; i += 10 {
		c := s.Conns[i]
		c.RxBytes += uint64(i*7919) % 1_000_003
		next.Conns = append(next.Conns, c)
	}
	d.tick(next, 1)
	return d
}
