package kernel

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// TestUDPFilter has a socket filter that drops what is short: nobody receives it.
func TestUDPFilter(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 3)
	a, b, c := ends[0], ends[1], ends[2]
	must(t, dropShort(b.fd, 100))
	must(t, a.send(b.addr, 50), c.send(b.addr, 200), b.read(0), c.send(b.addr, 300), b.read(0))
	w.exact(ends...)
}

// dropShort attaches a filter that takes datagrams from least bytes of payload on.
func dropShort(fd int, least uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 8 + least, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// TestUDPBadChecksum has a datagram in the queue that the reader's call throws away.
func TestUDPBadChecksum(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ns := testkit.NetNS(t)
	ends := openUDPs(t, ns, 3)
	a, b, c := ends[0], ends[1], ends[2]
	must(t, c.send(b.addr, 100), b.read(0))
	var err error
	ns.Do(func() { err = sendBroken(a, b, 500) })
	must(t, err, c.send(b.addr, 200), b.read(0), c.send(b.addr, 300), b.read(0))
	w.exact(ends...)
}

// sendBroken sends a datagram with a wrong checksum, which is longer than what the
// kernel checks before it queues (CHECKSUM_BREAK).
func sendBroken(from, to *udpEnd, n int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	packet := make([]byte, 8+n)
	binary.BigEndian.PutUint16(packet, from.addr.Port())
	binary.BigEndian.PutUint16(packet[2:], to.addr.Port())
	binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)))
	binary.BigEndian.PutUint16(packet[6:], 0xdead)
	return unix.Sendto(fd, packet, 0, sockaddr(to.addr))
}

// TestUDPCut reads into a buffer that is too small for the datagram: connected or
// not, the same was delivered.
func TestUDPCut(t *testing.T) {
	w := watchUDP(t, conn.Config{})
	ends := openUDPs(t, testkit.NetNS(t), 4)
	a, b, c, d := ends[0], ends[1], ends[2], ends[3]
	must(t, b.connect(a.addr), a.send(b.addr, 1000), c.send(d.addr, 1000))
	for _, e := range []*udpEnd{b, d} {
		n, err := unix.Read(e.fd, make([]byte, 100))
		if err != nil || n != 100 {
			t.Fatalf("read %d: %v", n, err)
		}
	}
	b.note(a.addr, moved{RxBytes: 100, RxPackets: 1})
	d.note(c.addr, moved{RxBytes: 100, RxPackets: 1})
	w.exact(ends...)
}
