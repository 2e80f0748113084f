package diag

import (
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// FuzzDecode has no message that leads outside of it, or to more than it holds.
func FuzzDecode(f *testing.F) {
	for _, size := range []int{0, 7, info510, info618, info73, info73 + 8} {
		c := connection(7)
		c.info = make([]byte, size)
		copy(c.info, tcpInfo(min(size, info73), conn.Established))
		c.attrs = attribute(attribute(nil, attrCong, []byte("cubic")), attrSkmeminfo, skmeminfo(1))
		f.Add(c.bytes(), false)
	}
	f.Add(small(7, conn.TimeWait).bytes(), false)
	f.Add(connection(7).bytes()[:msgSize+3], false)
	f.Add(append(connection(7).bytes(), 255, 255, 2, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		proto := conn.TCP
		if udp {
			proto = conn.UDP
		}
		var r reading
		if !r.decode(b, proto, 1) {
			return
		}
		switch {
		case r.ID.Cookie == 0, r.Proto != proto, r.NetNS != 1:
			t.Errorf("identity of %+v", r)
		case r.TxBytes > r.sent, r.RxBytes > r.received, r.received-r.RxBytes > 1:
			t.Errorf("%d of %d sent, %d of %d received", r.TxBytes, r.sent, r.RxBytes, r.received)
		case r.small && r.Has != conn.HasRaddr|conn.HasHolders, udp && (r.State != 0 || r.small):
			t.Errorf("%+v", r)
		}
		newHost(4).fold(newSpace(1, ""), proto, b, 0)
	})
}

// FuzzWalk has no datagram that is read beyond its end or for ever.
func FuzzWalk(f *testing.F) {
	body := connection(7).bytes()
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_MULTI, 9, body))
	f.Add(message(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, 9, make([]byte, 4)))
	f.Add(message(unix.NLMSG_ERROR, 0, 9, []byte{0xfe, 0xff, 0xff, 0xff}))
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_MULTI, 9, body)[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		given := 0
		a := answer{seq: 9, use: func(msg []byte) { given += headerSize + len(msg) }}
		_ = a.walk(b)
		if given > len(b) {
			t.Errorf("%d bytes of messages in %d", given, len(b))
		}
	})
}
