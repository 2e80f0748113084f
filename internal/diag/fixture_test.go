package diag

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// Sizes of struct tcp_info, by the kernel that fills them.
const (
	info510 = 232 // and 6.1
	info618 = 248 // and 6.12
	info73  = 280
)

// Offsets in struct tcp_info, include/uapi/linux/tcp.h, counted by hand: the decoder
// has them from a library's struct.
const (
	infoMSS, infoLost                 = 16, 32
	infoLastSent, infoLastRecv        = 44, 52
	infoLastAck                       = 56
	infoRTT, infoRTTVar, infoSsthresh = 68, 72, 76
	infoCwnd, infoRetrans, infoPacing = 80, 100, 104
	infoAcked, infoReceived           = 120, 128
	infoSegsOut, infoSegsIn           = 136, 140
	infoNotsent, infoMinRTT           = 144, 148
	infoDelivery                      = 160
	infoBusy, infoRwnd, infoSndbuf    = 168, 176, 184
	infoCE, infoUnacked, infoSacked   = 196, 24, 28
	infoRetransOut                    = 36
	infoCAState, infoProbes           = 1, 3
	infoOptions, infoAppLimited       = 5, 7
	infoSent, infoBytesRetrans        = 200, 208
	infoReord, infoSndWnd, infoRcvWnd = 220, 228, 232
)

// fake is a socket as the kernel would describe it.
type fake struct {
	family        uint8
	state         conn.State
	cookie        uint64
	local, remote string
	rqueue        uint32
	wqueue        uint32
	uid, inode    uint32
	info          []byte // nil: none is sent
	attrs         []byte // further ones
}

// connection is an accepted connection that moved some bytes.
func connection(cookie uint64) *fake {
	return &fake{
		family: unix.AF_INET, state: conn.Established, cookie: cookie, uid: 1000, inode: uint32(cookie) + 5,
		local: "10.0.0.1:443", remote: "10.0.0.2:50000", info: tcpInfo(info618, conn.Established),
	}
}

// small is a socket without counters.
func small(cookie uint64, state conn.State) *fake {
	f := connection(cookie)
	f.state, f.info, f.uid, f.inode = state, nil, 0, 0
	return f
}

// tcpInfo has a value in every field that is read, as far as size goes.
func tcpInfo(size int, state conn.State) []byte {
	b := make([]byte, 280)
	b[0], b[infoCAState], b[infoProbes] = uint8(state), uint8(conn.CARecovery), 6
	b[infoOptions], b[infoAppLimited] = 0x0a, 0x01 // SACK and ECN
	for at, v := range map[int]uint32{
		infoUnacked: 20, infoSacked: 6, infoRetransOut: 1, infoCE: 9,
		infoMSS: 1448, infoLost: 3, infoLastSent: 500, infoLastRecv: 20, infoLastAck: 30,
		infoRTT: 1500, infoRTTVar: 300, infoSsthresh: 77, infoCwnd: 12, infoRetrans: 2,
		infoSegsOut: 40, infoSegsIn: 30, infoMinRTT: 900, infoReord: 4, infoSndWnd: 65000, infoRcvWnd: 64000,
	} {
		set32(b, at, v)
	}
	for at, v := range map[int]uint64{
		infoPacing: 5e6, infoAcked: 10_000, infoReceived: 2_000, infoDelivery: 4e6, infoBusy: 90e3, infoRwnd: 70e3, infoSndbuf: 8e3, infoSent: 12_000, infoBytesRetrans: 2_000,
	} {
		set64(b, at, v)
	}
	return b[:size]
}

func set32(b []byte, at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
func set64(b []byte, at int, v uint64) { binary.NativeEndian.PutUint64(b[at:], v) }

// bytes is the inet_diag_msg with its attributes.
func (f *fake) bytes() []byte {
	b := make([]byte, msgSize)
	b[0], b[1] = f.family, uint8(f.state)
	f.addr(b[4:], b[8:], f.local)
	f.addr(b[6:], b[24:], f.remote)
	set64(b, 44, f.cookie)
	set32(b, 56, f.rqueue)
	set32(b, 60, f.wqueue)
	set32(b, 64, f.uid)
	set32(b, 68, f.inode)
	if f.info != nil {
		b = attribute(b, attrInfo, f.info)
	}
	return append(b, f.attrs...)
}

func (f *fake) addr(port, addr []byte, s string) {
	if s == "" {
		return
	}
	a := netip.MustParseAddrPort(s)
	binary.BigEndian.PutUint16(port, a.Port())
	copy(addr, a.Addr().AsSlice())
}

// attribute appends a struct nlattr.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrSize+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// message is a struct nlmsghdr with a body.
func message(kind, flags uint16, seq uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerSize+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// host is a sampler over one namespace whose dumps are made by hand.
type host struct {
	*sampler
	sp      *space
	skipped map[uint64]bool // cookies of sockets that dumps pass over though they are there
}

func newHost(limit int) *host {
	h := &host{sampler: &sampler{Diag: &Diag{cfg: conn.Config{MaxConns: limit}}, spaces: newSpaces()}}
	h.sp = newSpace(4711, "")
	return h
}

// tick is a second later and sees these sockets.
func (h *host) tick(proto conn.Proto, sockets ...*fake) *conn.Sample {
	h.begin(h.now+1e9, time.Unix(0, h.now).UTC())
	for _, f := range sockets {
		h.fold(h.sp, proto, f.bytes(), 0)
	}
	h.sweep(h.sp, func(r *row) bool { return h.skipped[r.ID.Cookie] })
	h.sp.whole = h.round
	h.finish()
	return &h.out
}
