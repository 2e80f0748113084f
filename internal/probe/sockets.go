package probe

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// What a pass over TCP sockets looks for is asked for otherwise (ask, leave, missed), and in
// which network namespace: it looks only there and where there are minis. A look into all of
// them comes every longestStill, and while there are sockets without a slot as its cost
// allows: one may be free for them.
const longestStill = int64(5 * time.Minute)

// miniRest is how many times longer the pass over TCP sockets, which walks the whole hash
// of established sockets for each namespace, rests where the last one found nothing new
// but there are time-wait or syn-recv sockets: nothing else tells when these go. Time-wait
// sockets alone it leaves until the first may be over, at most longestMinis, since a new
// connection may take the place of one before.
const (
	miniRest     = 3
	longestMinis = int64(15 * time.Second)
	timeWaitLen  = int64(time.Minute) // TCP_TIMEWAIT_LEN, include/net/tcp.h
)

// socketPass finds the TCP sockets that no hook and no process' files tell of: older ones, those
// that found no slot, and the minis.
type socketPass struct {
	walk
	older *ebpf.Variable

	next      int64               // monotonic ns before which it is not repeated
	soon      int64               // likewise, once a connection has ended or something asks for it
	asked     bool                // something does
	wanted    map[uint32]struct{} // the network namespaces in which
	whole     bool                // it is not known in which
	nextWhole int64               // monotonic ns at which a pass looks into all of them
	began     int64               // monotonic ns of the last one
	spaces    map[uint64]string   // paths of the network namespaces of the last pass over all, by inode

	lost       uint64 // what hooks were kept from or could not tell so far
	ends, full uint64 // connections that ended and found no room on their way, and that came and found no slot
	slotless   slotless

	minis            *minis
	left, leftBefore map[uint64]heir // by cookie: connections that ended since the last pass, and the one before
	round            uint64
}

func newSocketPass(older *ebpf.Variable, it *link.Iter, calm bool) *socketPass {
	return &socketPass{
		walk:       newWalk(it, true, calm),
		older:      older,
		minis:      newMinis(),
		wanted:     map[uint32]struct{}{},
		left:       map[uint64]heir{},
		leftBefore: map[uint64]heir{},
	}
}

// due reports whether it may run again.
func (p *socketPass) due(now int64) bool {
	return now >= p.next || (p.asked || len(p.left) > 0 || p.slotless.any()) && now >= p.began+p.slotless.rest(p.soon-p.began)
}

// run walks the TCP sockets of the network namespaces that something asks for, or of
// all: those with counters get a slot; new small ones are appended to conns, and those that
// went to gone.
func (p *socketPass) run(limit int, conns []conn.Conn, gone []conn.ID) ([]conn.Conn, []conn.ID, error) {
	p.round++
	if p.it == nil {
		p.next = math.MaxInt64
		return conns, gone, nil
	}
	known, ended := len(conns)+len(gone), len(p.left) > 0 || p.asked
	p.asked, p.began = false, monotonic()
	some := p.some()
	p.slotless.begin(limit)
	cost, err := costOf(func() error {
		return p.counting(p.older, func() error { return p.eachMini(some, func(m *tcptopMini) { conns = p.addMini(m, limit, conns) }) })
	})
	if err != nil {
		return conns, gone, err
	}
	gone = p.minis.keep(p.round, gone)
	clear(p.leftBefore)
	p.left, p.leftBefore = p.leftBefore, p.left
	p.rest(cost, some == nil, !ended && len(conns)+len(gone) == known)
	return conns, gone, nil
}

// rest sets when the next pass comes after one that took cost, looked into all
// namespaces or not, and found nothing new or not.
func (p *socketPass) rest(cost int64, whole, quiet bool) {
	now := monotonic()
	rest := p.share * cost
	if whole {
		p.nextWhole = now + max(rest, longestStill)
	}
	next := now + rest
	if quiet {
		next = p.nextWhole
	}
	if quiet && len(p.minis.rows) > 0 {
		next = now + p.restForMinis(cost, now)
	}
	p.soon, p.next = now+rest, max(min(next, p.nextWhole), now+rest)
}

// restForMinis is how long to wait after a pass that took cost and found only the minis that were there.
func (p *socketPass) restForMinis(cost, now int64) int64 {
	rest, first := miniRest*p.share*cost, now+longestMinis
	for _, seen := range p.minis.rows {
		if seen.id.Serial != conn.TimeWaitSerial {
			return rest
		}
		first = min(first, seen.since+timeWaitLen)
	}
	return max(rest, first-now)
}

// restUntil defers the first repetition by half an interval at least.
func (p *socketPass) restUntil(now int64, interval time.Duration) {
	p.soon, p.next = max(p.soon, now+int64(interval)/2), max(p.next, now+int64(interval)/2)
}

// some is the namespaces that something asks for and those with minis, as spaces; nil is all.
func (p *socketPass) some() map[uint64]string {
	if p.whole || p.slotless.any() || p.began >= p.nextWhole {
		return nil
	}
	for _, seen := range p.minis.rows {
		p.wanted[seen.netns] = struct{}{}
	}
	some := map[uint64]string{}
	for ns := range p.wanted {
		path, known := p.spaces[uint64(ns)]
		if inode, err := namespaceInode(cmp.Or(path, ownNamespace)); !known || err != nil || inode != uint64(ns) {
			return nil // who was in it has ended, or moved
		}
		some[uint64(ns)] = path
	}
	return some
}

// eachMini runs the iterator in some network namespaces, or in all. The hooks hold for all of
// them, later ones too: a pass only finds what no hook tells.
func (p *socketPass) eachMini(some map[uint64]string, use func(*tcptopMini)) error {
	clear(p.wanted)
	if some != nil {
		return p.visit(some, use)
	}
	p.whole = false
	all, err := namespaces(true)
	p.spaces = all
	if err != nil {
		return err
	}
	return p.visit(all, use)
}

// visit runs the iterator in namespaces that were there a moment ago. One that can't be
// visited does not keep it from the others.
func (p *socketPass) visit(all map[uint64]string, use func(*tcptopMini)) error {
	var failed error
	for _, path := range all {
		err := p.each(path, int(unsafe.Sizeof(tcptopMini{})), func(rec []byte) {
			use((*tcptopMini)(unsafe.Pointer(unsafe.SliceData(rec))))
		})
		switch {
		case errors.Is(err, fs.ErrPermission):
			// said once, by Missing
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
			// the namespace went while it was looked at
		case err != nil:
			failed = err
		}
	}
	return failed
}

// want notes a namespace for the next pass.
func (p *socketPass) want(netns uint32) {
	if _, known := p.spaces[uint64(netns)]; known {
		p.wanted[netns] = struct{}{}
	} else {
		p.whole = true
	}
}

// ask wants a pass for what a listener tells: connections in their handshake, a
// namespace that is not known yet.
func (p *socketPass) ask(c *conn.Conn) {
	if _, known := p.spaces[uint64(c.NetNS)]; c.SYNQueue > 0 || !known {
		p.asked = true
		p.want(c.NetNS)
	}
}

// missed wants one where hooks were passed by or what they told found no room, in the table or on its way.
func (p *socketPass) missed(l *conn.Loss) {
	p.slotless.lost += int64(l.RingFull + l.QueueFull - p.ends)
	p.slotless.refused += int64(l.TableFull - p.full)
	p.ends, p.full = l.RingFull+l.QueueFull, l.TableFull
	if n := l.Skipped + p.ends + p.full; n != p.lost {
		p.lost, p.asked, p.whole = n, true, true
	}
}
