package probe

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// The kernel and the docs count on these sizes.
func TestRecordSizes(t *testing.T) {
	for what, size := range map[string][2]uintptr{
		"conn":   {unsafe.Sizeof(tcptopConn{}), 256},
		"hot":    {unsafe.Sizeof(tcptopHot{}), 32},
		"closed": {unsafe.Sizeof(tcptopClosed{}), 264},
	} {
		if size[0] != size[1] {
			t.Errorf("struct %s has %d bytes, want %d", what, size[0], size[1])
		}
	}
}

func TestDecodeConn(t *testing.T) {
	s := tcptopConn{
		Cookie: 7, Gen: 2, State: uint8(conn.Established), Dir: uint8(conn.Out),
		BytesSent: 150, BytesRetrans: 50, BytesReceived: 40, SegsIn: 1 << 33, SegsOut: 9,
		SrttUs: 120, MinRttUs: 100, PacingRate: ^uint64(0), Mss: 1000, RateDelivered: 3, RateIntervalUs: 1500,
		StampUs: 5, Tgid: 42, Comm: [16]int8{'a', -1}, Lport: 80, Cc: 99,
		Copied: 0xffff, Chrono: [3]uint32{3, 20, 1}, Limits: limitCwnd | limitECN | 2<<limitChronoShift, CaState: 3, Probes: 6, DeliveredCe: 5,
	}
	var c conn.Conn
	names := make(ccNames, 64)
	names[(99+1)%64] = tcptopCcName{Key: 99, Name: [16]int8{'b', 'b', 'r'}}
	decodeConn(&c, &s, legend{names: names, jiffy: 4e6, at: 0x10005, mono: 9e9})
	want := conn.Conn{
		ID: conn.ID{Cookie: 7, Serial: 2}, Has: hasTCP, Proto: conn.TCP, State: conn.Established, Dir: conn.Out,
		Lport: 80, TxBytes: 100, RxBytes: 40, RxPackets: 1 << 33, TxPackets: 9, RetransBytes: 50,
		RTT: 120, MinRTT: 100, MSS: 1000, DeliveryRate: 2_000_000, LastActive: 5000, CC: conn.MakeName("bbr"),
		Busy: 96000, RwndLimited: 80000, SndbufLimited: 4000, Chrono: conn.ChronoRwnd, CwndLimited: true, ECN: true,
		CAState: conn.CARecovery, Probes: 6, CEPackets: 5, Sampled: 9e9 - 6*4e6,
	}
	want.Owner.PID, want.Owner.Comm = 42, conn.Name{'a', 0xff}
	if c != want {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if n := testing.AllocsPerRun(100, func() { decodeConn(&c, &s, legend{names: names, jiffy: 4e6, at: 0x10005, mono: 9e9}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecodeListener(t *testing.T) {
	s := tcptopConn{State: uint8(conn.Listen), Dir: uint8(conn.DirListen), RecvQueue: 3, SendQueue: 128, Unsent: 5}
	var c conn.Conn
	decodeConn(&c, &s, legend{})
	if c.Backlog != 3 || c.BacklogMax != 128 || c.Drops != 5 || c.Has&conn.HasBytes != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestReason(t *testing.T) {
	for _, tt := range []struct {
		last   conn.State
		err    unix.Errno
		detail conn.CloseDetail
		bits   uint8
		want   conn.CloseReason
	}{
		{conn.SynSent, unix.ECONNREFUSED, 0, 0, conn.Refused},
		{conn.SynSent, unix.ETIMEDOUT, 0, 0, conn.Timeout},
		{conn.SynSent, unix.EHOSTUNREACH, 0, 0, conn.Unreachable},
		{conn.SynSent, 0, 0, 0, conn.Aborted},
		{conn.SynSent, unix.EADDRNOTAVAIL, conn.NoPort, 0, conn.Aborted},
		{conn.Established, unix.ECONNRESET, 0, 0, conn.ResetRemote},
		{conn.Established, unix.ECONNABORTED, 0, 0, conn.ResetLocal},
		{conn.Established, unix.ETIMEDOUT, conn.Keepalive, 0, conn.Timeout},
		{conn.CloseWait, unix.EPIPE, 0, bitFinRemote, conn.ResetRemote},
		{conn.FinWait2, 0, 0, bitFinLocal, conn.FinLocal},
		{conn.FinWait2, 0, conn.Unread, bitFinLocal, conn.ResetLocal},
		{conn.FinWait2, unix.ECONNRESET, conn.AfterClose, bitFinLocal, conn.FinLocal},
		{conn.LastAck, 0, 0, bitFinRemote, conn.FinRemote},
		{conn.Established, 0, 0, 0, conn.ResetLocal},
		{conn.CloseWait, 0, 0, bitFinRemote, conn.ResetLocal},
	} {
		if got := reason(tt.last, tt.err, tt.detail, tt.bits); got != tt.want {
			t.Errorf("%v, %v, %v, bits %d: %v, want %v", tt.last, tt.err, tt.detail, tt.bits, got, tt.want)
		}
	}
}

// A connect that fails is known by its error, its retries and the time that it took.
func TestDecodeFailed(t *testing.T) {
	s := tcptopConn{State: uint8(conn.Closed), LastState: uint8(conn.SynSent), Dir: uint8(conn.Out),
		StartNs: 1_000_000, TotalRetrans: 20, Why: 15 << synRetriesShift, Err: uint8(unix.ETIMEDOUT)}
	var c conn.Conn
	decodeConn(&c, &s, legend{})
	finish(&c, &s, 4_000_000)
	if c.State != conn.SynSent || c.SYNRetries != 20 || c.ConnectTime != 3000 || c.Errno.String() != "ETIMEDOUT" ||
		c.Reason != conn.Timeout || c.Detail != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestSizes(t *testing.T) {
	for _, slots := range []int{1, 4, 5, 1000, 16384, 158231, 1 << 20} {
		n := indexBuckets(slots)
		if n&(n-1) != 0 {
			t.Errorf("%d slots: %d buckets is no power of two", slots, n)
		}
		if n*16 < 4*slots && n*16 < 16 {
			t.Errorf("%d slots: %d entries", slots, n*16)
		}
		for calm, most := range map[bool]int{false: 16 << 20, true: 4 << 20} {
			if r, wake := ringSize(slots, calm); r&(r-1) != 0 || r < 1<<20 || r > most || wake > r/2 {
				t.Errorf("%d slots: a ring of %d bytes, %d of which wake", slots, r, wake)
			}
		}
	}
	if n := defaultMaxConns(); n < minConns || n > maxConns {
		t.Errorf("%d connections by default", n)
	}
}
