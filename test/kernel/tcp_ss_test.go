package kernel

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestAgainstSS compares rows of quiet connections with what ss prints of them at
// the same moment, field by field. Some have unread and unsent bytes, some have
// lost segments, one sends probes that nobody answers. What ss does not print yet,
// the window that we offer, is compared with tcp_info.
func TestAgainstSS(t *testing.T) {
	testkit.Tools(t, "ss")
	ns := testkit.NetNS(t)
	ns.Nft(dropData)
	load := testkit.Start(t, ns, "bulk", "-n", "24", "-par", "8", "-max", "2097152", "-hold")
	load.Ready()
	l := listen(t, ns, 0, 8)
	c := dial(t, ns, 0, l)
	clog(t, c)
	l.accept()
	silent := listen(t, ns, 0, 8)
	unanswered := dial(t, ns, 0, silent)
	silent.accept()
	unanswered.must("do not block", unix.SetNonblock(unanswered.fd, true))
	unanswered.fill()
	ns.Nft(fmt.Sprintf("table inet silence {\n chain in {\n type filter hook input priority 0\n tcp dport %d drop\n }\n}", silent.port()))
	w := watch(t, conn.Config{TCP: true})
	w.until(patience, func(s *seen) error {
		if r := s.live[unanswered.id()]; r.Probes < 2 {
			return fmt.Errorf("%d probes", r.Probes)
		}
		rows := map[string]table.Row{}
		for _, r := range in(ns, s.live) {
			if r.State != conn.Listen {
				rows[r.ID.String()] = r
			}
		}
		if err := sameWindow(s, c); err != nil {
			return err
		}
		return sameFigures(rows, ssFigures(t, ns), s.mono)
	})
	end := w.stop()
	row := end.last[c.id()]
	if _, rwnd, _ := row.Chronographs(end.mono); rwnd == 0 || row.Limit != conn.LimitPeerWindow {
		t.Errorf("the clogged connection waited %d µs for the peer's window, and now for %v", rwnd, row.Limit)
	}
	if row.SendQueue == 0 || row.Unsent == 0 {
		t.Errorf("the clogged connection has %d bytes queued, %d unsent", row.SendQueue, row.Unsent)
	}
}

// sameWindow compares the window that a socket offers with tcp_info (tcpi_rcv_wnd, 6.2).
func sameWindow(s *seen, of *socket) error {
	info, err := unix.GetsockoptTCPInfo(of.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if r := s.live[of.id()]; err != nil || r.RcvWnd == 0 || info.Rcv_wnd != 0 && r.RcvWnd != info.Rcv_wnd {
		return fmt.Errorf("a window of %d, for tcp_info %d: %w", r.RcvWnd, info.Rcv_wnd, err)
	}
	return nil
}

// clog writes until the peer's window and the send buffer are full.
func clog(t *testing.T, s *socket) {
	t.Helper()
	s.must("do not block", unix.SetNonblock(s.fd, true))
	s.fill() // a burst may be dropped in part, which is a loss
	for {
		_, err := unix.Write(s.fd, make([]byte, 64<<10))
		if err == unix.EAGAIN {
			return
		}
		s.must("write", err)
	}
}

// figures are what ss prints of a connection, as ss names it. What ss leaves out is 0.
type figures map[string]uint64

// ssFigures lists the connections of a namespace by cookie.
func ssFigures(t *testing.T, ns *testkit.NS) map[string]figures {
	t.Helper()
	out, err := ns.Command("ss", "-tinmeoOH").Output()
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	all := map[string]figures{}
	for line := range strings.Lines(string(out)) {
		cookie, f := parseFigures(t, strings.Fields(line))
		all[cookie] = f
	}
	return all
}

func parseFigures(t *testing.T, fields []string) (cookie string, f figures) {
	t.Helper()
	f = figures{"Recv-Q": number(t, fields[1]), "Send-Q": number(t, fields[2]), "fin": 0}
	switch fields[0] {
	case "CLOSE-WAIT", "LAST-ACK", "CLOSING", "TIME-WAIT":
		f["fin"] = 1
	}
	for i, field := range fields[5:] {
		name, value, _ := strings.Cut(field, ":")
		switch name {
		case "sk":
			cookie = value
		case "rtt":
			rtt, variance, _ := strings.Cut(value, "/")
			f["rtt"], f["rttvar"] = micros(t, rtt), micros(t, variance)
		case "minrtt":
			f[name] = micros(t, value)
		case "retrans":
			_, total, _ := strings.Cut(value, "/")
			f[name] = number(t, total)
		case "timer": // (persist,1.2sec,3)
			if kind, rest, _ := strings.Cut(strings.Trim(value, "()"), ","); kind == "persist" || kind == "keepalive" {
				f["probes"] = number(t, rest[strings.IndexByte(rest, ',')+1:])
			}
		case "busy", "rwnd_limited", "sndbuf_limited":
			ms, _, _ := strings.Cut(value, "ms")
			f[name] = number(t, ms)
		case "app_limited", "ecn":
			f[name] = 1
		case "bytes_sent", "bytes_retrans", "bytes_received", "segs_in", "segs_out", "cwnd", "ssthresh", "mss",
			"lost", "reord_seen", "snd_wnd", "notsent", "delivered_ce":
			f[name] = number(t, value)
		case "delivery_rate", "pacing_rate":
			f[name] = number(t, strings.TrimSuffix(fields[5+i+1], "bps"))
		case "cubic", "reno", "bbr":
			f["cc "+name] = 1
		}
	}
	return cookie, f
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	return n
}

// micros reads the milliseconds that ss prints.
func micros(t *testing.T, s string) uint64 {
	t.Helper()
	ms, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	return uint64(math.Round(ms * 1000))
}

// sameFigures compares all connections; want is without what ss takes from
// elsewhere, so that a field that ss omits is 0 in both. Chronographs that run on have
// moved since the tick at mono.
func sameFigures(rows map[string]table.Row, want map[string]figures, mono int64) error {
	if len(rows) != len(want) || len(want) == 0 {
		return fmt.Errorf("%d rows, ss has %d", len(rows), len(want))
	}
	for cookie, ss := range want {
		r, ok := rows[cookie]
		if !ok {
			return fmt.Errorf("no row for sk:%s", cookie)
		}
		got, ssRow := ofRow(&r, mono), ofSS(ss)
		if r.Chrono != 0 {
			for _, name := range []string{"busy", "rwnd_limited", "sndbuf_limited"} {
				if later := int64(ssRow[name] - got[name]); later < 0 || later > 250 {
					return fmt.Errorf("sk:%s %s is %d ms, for ss %d", cookie, name, got[name], ssRow[name])
				}
				delete(got, name)
				delete(ssRow, name)
			}
		}
		if diff := cmp.Diff(ssRow, got); diff != "" {
			return fmt.Errorf("sk:%s %v %v (-ss +row):\n%s", cookie, r.State, r.Lport, diff)
		}
	}
	return nil
}

// ofSS turns ss's figures into the meanings that rows have.
func ofSS(f figures) figures {
	g := maps.Clone(f)
	g["tx"], g["rx"] = f["bytes_sent"]-f["bytes_retrans"], f["bytes_received"]-f["fin"]
	delete(g, "bytes_sent")
	delete(g, "bytes_received")
	delete(g, "fin")
	return dropZero(g)
}

func ofRow(r *table.Row, mono int64) figures {
	busy, rwnd, sndbuf := r.Chronographs(mono)
	f := figures{
		"busy": busy / 1000, "rwnd_limited": rwnd / 1000, "sndbuf_limited": sndbuf / 1000,
		"delivered_ce": uint64(r.CEPackets), "probes": uint64(r.Probes),
		"tx": r.TxBytes, "rx": r.RxBytes, "segs_in": r.RxPackets, "segs_out": r.TxPackets,
		"bytes_retrans": r.RetransBytes, "retrans": uint64(r.RetransPackets), "lost": uint64(r.LostPackets),
		"reord_seen": uint64(r.ReorderedPackets), "rtt": uint64(r.RTT), "rttvar": uint64(r.RTTVar),
		"minrtt": uint64(r.MinRTT), "cwnd": uint64(r.Cwnd), "mss": uint64(r.MSS), "snd_wnd": uint64(r.SndWnd),
		"delivery_rate": 8 * r.DeliveryRate, "pacing_rate": 8 * r.PacingRate,
		"Recv-Q": uint64(r.RecvQueue), "Send-Q": uint64(r.SendQueue), "notsent": uint64(r.Unsent),
		"cc " + r.CC.String(): 1,
	}
	if r.Ssthresh < 0xFFFF { // ss shows no more
		f["ssthresh"] = uint64(r.Ssthresh)
	}
	if r.AppLimited {
		f["app_limited"] = 1
	}
	if r.ECN {
		f["ecn"] = 1
	}
	return dropZero(f)
}

func dropZero(f figures) figures {
	for name, v := range f {
		if v == 0 {
			delete(f, name)
		}
	}
	return f
}
