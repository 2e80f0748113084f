package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// udpSockets reads what UDP's sockets do count: what waits to be read and what they
// dropped. One that has dropped something, or whose receive buffer was once more than
// half full, has a row from then on.
type udpSockets struct {
	prog  *ebpf.Program // nil where it is not measured
	table *ebpf.Map
	shown map[uint64]tcptopUdpRow // by cookie, as last told
	keys  []uint64
	rows  []tcptopUdpRow
	empty bool   // there are none
	pass  uint16 // over open files, which alone finds them, after which that was seen
}

// udpBatch is how many sockets are read with one call.
const udpBatch = 256

func newUDPSockets(coll *ebpf.Collection, prog *ebpf.Program) *udpSockets {
	return &udpSockets{prog: prog, table: coll.Maps["tt_udp_socks"], shown: map[uint64]tcptopUdpRow{},
		keys: make([]uint64, udpBatch), rows: make([]tcptopUdpRow, udpBatch)}
}

// take appends the rows of the sockets that changed to conns and of those that are gone
// to closed. pass is the number of the last pass over open files.
func (u *udpSockets) take(pass uint16, conns, closed []conn.Conn) (changed, ended []conn.Conn, _ error) {
	if u.prog == nil || u.empty && u.pass == pass {
		return conns, closed, nil
	}
	if _, err := u.prog.Run(&ebpf.RunOptions{}); err != nil {
		return conns, closed, fmt.Errorf("read the UDP sockets: %w", err)
	}
	var gone []uint64
	held := 0
	var cursor ebpf.MapBatchCursor
	for {
		n, err := u.table.BatchLookup(&cursor, u.keys, u.rows, nil)
		held += n
		for i := range u.rows[:n] {
			if r := &u.rows[i]; r.Gone != 0 {
				gone = append(gone, r.Cookie)
			} else if u.tells(r) {
				conns = append(conns, conn.Conn{})
				decodeUDPSocket(&conns[len(conns)-1], r)
			}
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			break
		}
		if err != nil {
			return conns, closed, fmt.Errorf("read the table of UDP sockets: %w", err)
		}
	}
	for _, cookie := range gone {
		if err := u.table.Delete(cookie); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return conns, closed, fmt.Errorf("forget a UDP socket: %w", err)
		}
		if r, shown := u.shown[cookie]; shown {
			delete(u.shown, cookie)
			closed = append(closed, conn.Conn{})
			decodeUDPSocket(&closed[len(closed)-1], &r)
		}
	}
	u.empty, u.pass = held == len(gone), pass
	if held-len(gone) >= int(u.table.MaxEntries()) {
		return conns, closed, fmt.Errorf("of more than %d", u.table.MaxEntries())
	}
	return conns, closed, nil
}

// tells reports whether a socket has a row and that has changed.
func (u *udpSockets) tells(r *tcptopUdpRow) bool {
	was, shown := u.shown[r.Cookie]
	if !shown && r.Drops == 0 && r.RecvQueue <= r.RecvBuffer/2 || was == *r {
		return false
	}
	u.shown[r.Cookie] = *r
	return true
}

// decodeUDPSocket fills c from a UDP socket, whose bytes are in its flows.
func decodeUDPSocket(c *conn.Conn, r *tcptopUdpRow) {
	*c = conn.Conn{
		ID:         conn.ID{Cookie: r.Cookie},
		Has:        conn.HasQueues | conn.HasDrops | conn.HasUID | conn.HasCgroup | conn.HasRecvBuffer,
		Proto:      conn.UDP,
		Laddr:      r.Laddr,
		Lport:      r.Lport,
		NetNS:      r.Netns,
		UID:        r.Uid,
		Cgroup:     r.Cgroup,
		Ifindex:    r.Ifindex,
		Owner:      conn.Owner{PID: r.Tgid, Start: r.PidStart, Comm: name(&r.Comm), Source: conn.OwnerFiles},
		SendQueue:  r.SendQueue,
		RecvQueue:  r.RecvQueue,
		RecvBuffer: r.RecvBuffer,
		Drops:      r.Drops,
	}
	if r.Rport != 0 {
		c.Has |= conn.HasRaddr
		c.Raddr, c.Rport = r.Raddr, r.Rport
	}
}
