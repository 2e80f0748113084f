package diag

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

const allTCP = conn.HasUID | conn.HasRaddr | conn.HasQueues | conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasSettings | conn.HasRcvWnd

// decoded is what a socket's message says, or the test fails.
func decoded(t *testing.T, f *fake, proto conn.Proto) reading {
	t.Helper()
	var r reading
	if !r.decode(f.bytes(), proto, 4711) {
		t.Fatalf("not decoded: %+v", f)
	}
	return r
}

// TestInfoSizes reads a connection of each kernel's size: the same but for what the
// shorter ones lack.
func TestInfoSizes(t *testing.T) {
	for size, rcvWnd := range map[int]uint32{info510: 0, info618: 64000, info73: 64000, info73 + 40: 64000} {
		has := allTCP | conn.HasCgroup
		if rcvWnd == 0 {
			has &^= conn.HasRcvWnd
		}
		f := connection(7)
		f.rqueue, f.wqueue = 11, 0
		f.info = append(tcpInfo(min(size, info73), conn.Established), make([]byte, max(size-info73, 0))...)
		f.attrs = attribute(attribute(nil, attrCong, []byte("cubic\x00")), attrCgroupID, []byte{1, 2, 0, 0, 0, 0, 0, 0})
		want := reading{
			Conn: conn.Conn{
				ID: conn.ID{Cookie: 7}, Has: has, Proto: conn.TCP, State: conn.Established, Dir: conn.In,
				Laddr: mapped([]byte{10, 0, 0, 1}), Raddr: mapped([]byte{10, 0, 0, 2}), Lport: 443, Rport: 50000,
				NetNS: 4711, UID: 1000, Cgroup: 0x201,
				RxBytes: 2_000, TxBytes: 10_000, RxPackets: 30, TxPackets: 40,
				RetransBytes: 2_000, RetransPackets: 2, LostPackets: 3, ReorderedPackets: 4,
				RTT: 1500, RTTVar: 300, MinRTT: 900, Cwnd: 12, Ssthresh: 77, MSS: 1448, SndWnd: 65000, RcvWnd: rcvWnd,
				PacingRate: 5e6, DeliveryRate: 4e6, CC: conn.MakeName("cubic"), RecvQueue: 11,
				Busy: 90e3, RwndLimited: 70e3, SndbufLimited: 8e3, CAState: conn.CARecovery, Probes: 6, CEPackets: 9,
				AppLimited: true, CwndLimited: true, ECN: true,
			},
			family: unix.AF_INET, inode: 12, idle: 20, sent: 12_000, received: 2_000,
		}
		if diff := cmp.Diff(want, decoded(t, f, conn.TCP), cmp.AllowUnexported(reading{})); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", size, diff)
		}
	}
}

// TestInfoShort has kernels and messages that end early: what is not there is not measured.
func TestInfoShort(t *testing.T) {
	const always = conn.HasUID | conn.HasRaddr | conn.HasQueues
	for size, has := range map[int]conn.Has{
		0: 0, 1: 0, 104: 0, 111: 0, 112: conn.HasSettings, 143: conn.HasSettings, 144: conn.HasSettings | conn.HasPackets,
		215: conn.HasSettings | conn.HasPackets, 216: allTCP &^ conn.HasPath &^ conn.HasRcvWnd &^ always, 231: allTCP &^ conn.HasPath &^ conn.HasRcvWnd &^ always,
		232: allTCP &^ conn.HasRcvWnd &^ always, 235: allTCP &^ conn.HasRcvWnd &^ always, 236: allTCP &^ always,
	} {
		f := connection(7)
		f.info = tcpInfo(size, conn.Established)
		if r := decoded(t, f, conn.TCP); r.Has != has|always || r.small {
			t.Errorf("%d bytes: has %b, want %b; small %v", size, r.Has, has|always, r.small)
		}
	}
}

// TestFIN takes the peer's FIN off in the states in which it has come, and no others.
func TestFIN(t *testing.T) {
	came := map[conn.State]bool{conn.CloseWait: true, conn.LastAck: true, conn.Closing: true}
	for _, state := range []conn.State{
		conn.Established, conn.SynSent, conn.SynRecv, conn.FinWait1, conn.FinWait2, conn.CloseWait, conn.LastAck, conn.Closing,
	} {
		f := connection(7)
		// idiag_state is read before the counters and may be older than they are
		f.state, f.info = conn.Established, tcpInfo(info618, state)
		want := uint64(2_000)
		if came[state] {
			want--
		}
		if r := decoded(t, f, conn.TCP); r.RxBytes != want || r.State != state {
			t.Errorf("%v: %d bytes received in state %v, want %d", state, r.RxBytes, r.State, want)
		}
		set64(f.info, infoReceived, 0) // of a socket restored by TCP_REPAIR
		if r := decoded(t, f, conn.TCP); r.RxBytes != 0 {
			t.Errorf("%v: %d bytes received of 0", state, r.RxBytes)
		}
	}
}

// TestDirection reads who opened a connection from what was acknowledged.
func TestDirection(t *testing.T) {
	for _, c := range []struct {
		state  conn.State
		acked  uint64
		queued uint32
		unsent uint32
		want   conn.Dir
	}{
		{conn.Established, 10_001, 0, 0, conn.Out},
		{conn.Established, 10_000, 0, 0, conn.In},
		{conn.Established, 9_001, 1_500, 500, conn.Out}, // 1000 in flight
		{conn.Established, 9_000, 1_500, 500, conn.In},
		{conn.Established, 9_000, 0, 0, 0}, // the queue was read before the rest was sent
		{conn.CloseWait, 10_001, 0, 0, conn.Out},
		{conn.FinWait2, 10_002, 0, 0, conn.Out}, // our FIN counts too
		{conn.FinWait2, 10_001, 0, 0, conn.In},
		{conn.FinWait1, 10_001, 1, 1, conn.Out}, // our FIN waits behind data
		{conn.SynSent, 0, 0, 0, conn.Out},
	} {
		f := connection(7)
		f.info = tcpInfo(info618, c.state)
		set64(f.info, infoAcked, c.acked)
		set32(f.info, infoNotsent, c.unsent)
		f.wqueue = c.queued
		if r := decoded(t, f, conn.TCP); r.Dir != c.want {
			t.Errorf("%+v: %v", c, r.Dir)
		}
	}
}

func TestListener(t *testing.T) {
	f := connection(9)
	f.family, f.state, f.local, f.remote = unix.AF_INET6, conn.Listen, "[::]:80", ""
	f.rqueue, f.wqueue, f.info = 3, 128, tcpInfo(info618, conn.Listen)
	f.attrs = attribute(nil, attrSkmeminfo, skmeminfo(5))
	want := conn.Conn{
		ID: conn.ID{Cookie: 9}, Has: conn.HasUID | conn.HasBacklog | conn.HasDrops, Proto: conn.TCP, State: conn.Listen,
		Dir: conn.DirListen, Lport: 80, NetNS: 4711, UID: 1000, Backlog: 3, BacklogMax: 128, Drops: 5,
	}
	if diff := cmp.Diff(want, decoded(t, f, conn.TCP).Conn); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// skmeminfo is INET_DIAG_SKMEMINFO with a number of drops.
func skmeminfo(drops uint32) []byte {
	b := make([]byte, 36)
	set32(b, 32, drops)
	return b
}

func TestSmall(t *testing.T) {
	for state, want := range map[conn.State]conn.Conn{
		conn.TimeWait:   {ID: conn.ID{Cookie: 7, Serial: conn.TimeWaitSerial}, State: conn.TimeWait},
		conn.FinWait2:   {ID: conn.ID{Cookie: 7, Serial: conn.TimeWaitSerial}, State: conn.FinWait2},
		conn.SynRecv:    {ID: conn.ID{Cookie: 7}, State: conn.SynRecv, Dir: conn.In},
		conn.NewSynRecv: {ID: conn.ID{Cookie: 7}, State: conn.SynRecv, Dir: conn.In},
	} {
		want.Has, want.Proto, want.NetNS = conn.HasRaddr|conn.HasHolders, conn.TCP, 4711
		want.Laddr, want.Raddr, want.Lport, want.Rport = mapped([]byte{10, 0, 0, 1}), mapped([]byte{10, 0, 0, 2}), 443, 50000
		r := decoded(t, small(7, state), conn.TCP)
		if diff := cmp.Diff(want, r.Conn); diff != "" || !r.small {
			t.Errorf("%v, small %v (-want +got):\n%s", state, r.small, diff)
		}
	}
}

func TestUDP(t *testing.T) {
	f := &fake{family: unix.AF_INET6, state: conn.Closed, cookie: 8, local: "[::1]:53", rqueue: 768, wqueue: 1, uid: 5, inode: 6,
		attrs: attribute(nil, attrSkmeminfo, skmeminfo(2))}
	want := conn.Conn{
		ID: conn.ID{Cookie: 8}, Has: conn.HasUID | conn.HasQueues | conn.HasDrops | conn.HasRecvBuffer, Proto: conn.UDP, Laddr: conn.Addr{15: 1},
		Lport: 53, NetNS: 4711, UID: 5, RecvQueue: 768, SendQueue: 1, Drops: 2,
	}
	if diff := cmp.Diff(want, decoded(t, f, conn.UDP).Conn); diff != "" {
		t.Errorf("unconnected (-want +got):\n%s", diff)
	}
	f.state, f.remote = conn.Established, "[::2]:4000"
	want.Raddr, want.Rport = conn.Addr{15: 2}, 4000
	want.Has |= conn.HasRaddr
	if diff := cmp.Diff(want, decoded(t, f, conn.UDP).Conn); diff != "" {
		t.Errorf("connected (-want +got):\n%s", diff)
	}
}

// TestHostile has names without an end and messages that are not whole.
func TestHostile(t *testing.T) {
	f := connection(7)
	f.attrs = attribute(nil, attrCong, []byte(strings.Repeat("x", 40)))
	if r := decoded(t, f, conn.TCP); r.CC.String() != strings.Repeat("x", 15) {
		t.Errorf("congestion control %q", r.CC)
	}
	f.attrs = append(attribute(nil, attrSkmeminfo, make([]byte, 8)), attribute(nil, attrCgroupID, make([]byte, 4))...)
	if r := decoded(t, f, conn.TCP); r.Has != allTCP {
		t.Errorf("short attributes: has %b, want %b", r.Has, allTCP)
	}
	nameless := connection(0)
	foreign := connection(7)
	foreign.family = unix.AF_NETLINK
	long := connection(7)
	long.attrs = []byte{255, 0, attrCong, 0, 'x'}
	none := connection(7)
	none.attrs = []byte{3, 0, attrCong, 0}
	for what, b := range map[string][]byte{
		"empty": nil, "cut": connection(7).bytes()[:msgSize-1], "no cookie": nameless.bytes(), "no family": foreign.bytes(),
		"an attribute beyond the end": long.bytes(), "an attribute shorter than its header": none.bytes(),
	} {
		var r reading
		if r.decode(b, conn.TCP, 0) {
			t.Errorf("%s: decoded as %+v", what, r)
		}
	}
}

// real618 is what Linux 6.18 sent of an accepted connection that had received 10 bytes
// and sent 1000.
const real618 = "02010000c42b961c7f0000010000000000000000000000007f00000100000000000000000000000000000000cdcd660000000000000000" +
	"000000000000000000000000001397e900050008000000000008000f00000000000c001500010000000000000006001600520000002800" +
	"0700000000000000020000000000001e3c0000000000000000000000000000000000000000001c010200010000000007aa01e01c030040" +
	"9c0000008a0000180200000000000000000000000000000000000000000000e406000000000000e4060000e4060000ffff0000cbff0000" +
	"120000000a000000ffffff7f0b000000cbff00000300000000000000cbff00000000000000e4dee60a000000ffffffffffffffffe80300" +
	"00000000000a0000000000000002000000040000000000000008000000010000000100000000d036070100000000000000000000000000" +
	"00000000000000000000000000000200000000000000e80300000000000000000000000000000000000000000000000000000014010000" +
	"00010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000800040062627200"

func TestReal(t *testing.T) {
	b, err := hex.DecodeString(real618)
	if err != nil {
		t.Fatal(err)
	}
	var r reading
	if !r.decode(b, conn.TCP, 1) {
		t.Fatal("not decoded")
	}
	if r.RxBytes != 10 || r.TxBytes != 1000 || r.Dir != conn.In || r.State != conn.Established ||
		r.RecvQueue != 0 || r.inode == 0 || r.CC.String() != "bbr" || r.Cgroup != 1 || r.MSS == 0 || r.RTT == 0 || r.RcvWnd == 0 {
		t.Errorf("%+v", r)
	}
}

// TestSendBuffer has buffers of 150 bytes that are two thirds full, and more than that.
func TestSendBuffer(t *testing.T) {
	for used, full := range map[uint32]bool{0: false, 100: false, 102: true, 400: true} {
		mem := skmeminfo(0)
		set32(mem, memUsedAt, used)
		set32(mem, memLimitAt, 150)
		f := connection(9)
		f.attrs = attribute(f.attrs, attrSkmeminfo, mem)
		if got := decoded(t, f, conn.TCP).SndbufFull; got != full {
			t.Errorf("%d of 150 bytes: full %v", used, got)
		}
	}
}
