package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// costShare bounds what repeated passes over the host cost: after one that took t of
// CPU time the next waits for costShare times t, so each takes at most one percent of
// a core, or with conn.Config.Calm a third of that. Whoever looks for an owner is not kept waiting longer than ownersPause. Where
// nobody does, what is known of owners is looked over after checkPause.
//
// A pass that found nothing new is followed by one that waits quietRest times as long, at
// most longestOwners: a host whose connections stay pays a tenth. That somebody
// has handed on a socket is told by nothing else.
//
// What a pass over TCP sockets looks for is asked for otherwise (ask, leave, missed), and in
// which network namespace: it looks only there and where there are minis. A look into all of
// them comes every longestStill, and while there are sockets without a slot as its cost
// allows: one may be free for them.
const (
	costShare   = int64(100)
	calmShare   = int64(300)
	ownersPause = int64(5 * time.Second)
	checkPause  = int64(5 * time.Second)
	quietRest   = int64(10)

	longestOwners = int64(time.Minute)
	longestStill  = int64(5 * time.Minute)
)

// restFor is how long to wait after a pass over open files that took cost, a quiet one for no
// more than longestOwners unless it costs that much.
func (v *inventory) restFor(cost int64, quiet bool) int64 {
	rest := v.share * cost
	if !quiet {
		return rest
	}
	return max(rest, min(quietRest*rest, longestOwners))
}

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

// inventory finds what no hook tells: sockets older than tcptop, the owners of
// accepted connections, and the small sockets of time-wait and syn-recv.
type inventory struct {
	vars    map[string]*ebpf.Variable
	owners  *link.Iter // nil where there is none
	tcp     *link.Iter // likewise
	share   int64      // costShare or calmShare
	buf     []byte
	counted bool           // what was there before and found no room
	pass    uint16         // number of the last pass over open files
	held    []tcptopHolder // what it found that owners don't
	udp     udpHolders     // who held UDP sockets then; nil where they are not measured
	udpHeld int            // how often they were
	still   bool           // it found nothing new

	nextOwners, nextTCP int64                // monotonic ns before which the pass is not repeated
	soonTCP             int64                // likewise, once a connection has ended or something asks for it
	asked               bool                 // something does
	wanted              map[uint32]struct{}  // the network namespaces in which
	whole               bool                 // it is not known in which
	nextWhole           int64                // monotonic ns at which a pass looks into all of them
	lost                uint64               // what hooks were kept from or could not tell so far
	ends, full          uint64               // connections that ended and found no room on their way, and that came and found no slot
	began               int64                // monotonic ns of the last pass over TCP sockets
	nextCheck           int64                // monotonic ns at which owners are looked over
	minis               map[conn.ID]sighting // time-wait and syn-recv sockets
	left, leftBefore    map[uint64]heir      // by cookie: connections that ended since the last pass, and the one before
	round               uint64
	slotless            slotless
	spaces              map[uint64]string // paths of the network namespaces of the last pass over all, by inode
}

// heir is what a time-wait socket keeps of its connection.
type heir struct {
	owner  conn.Owner
	uid    uint32
	dir    conn.Dir
	cgroup uint64
}

// sighting says when a small socket was first and last seen, in which state, and whether
// its owner is known.
type sighting struct {
	since int64 // monotonic ns
	round uint64
	netns uint32
	state conn.State
	owned bool
}

func newInventory(vars map[string]*ebpf.Variable, owners, tcp *link.Iter, calm bool) *inventory {
	share := costShare
	if calm {
		share = calmShare
	}
	return &inventory{
		share:      share,
		vars:       vars,
		owners:     owners,
		tcp:        tcp,
		buf:        make([]byte, 64<<10),
		minis:      map[conn.ID]sighting{},
		wanted:     map[uint32]struct{}{},
		left:       map[uint64]heir{},
		leftBefore: map[uint64]heir{},
	}
}

// ownersDue reports whether the pass over all processes' files may run again.
func (v *inventory) ownersDue(now int64) bool { return now >= v.nextOwners }

// checkDue reports whether it has to, though nobody looks for an owner.
func (v *inventory) checkDue(now int64) bool { return now >= v.nextCheck }

// runOwners walks every process' files: sockets without an owner get one, unknown
// sockets a slot, those that were given away the owner that they have now
// (docs/owners.md). Who holds UDP sockets is counted.
func (v *inventory) runOwners(slots *slotTable) error {
	if v.owners == nil {
		v.nextOwners, v.nextCheck = math.MaxInt64, math.MaxInt64
		return nil
	}
	v.pass = v.pass%(passTaken-1) + 1
	cost, err := costOf(func() error {
		err := v.counting(v.tcp == nil && !v.counted, func() error { return v.walkFiles(false) })
		used, failed := slots.reach()
		if failed != nil {
			return failed
		}
		if err == nil && slots.gaveAway(v.held, v.pass) {
			err = v.walkFiles(true)
		}
		v.still = !slots.count(v.held, v.pass, used)
		return err
	})
	if n := v.udp.held(); n != v.udpHeld {
		v.udpHeld, v.still = n, false
	}
	now := monotonic()
	v.nextOwners = now + min(v.share*cost, ownersPause)
	v.nextCheck = now + max(v.restFor(cost, v.still), checkPause)
	return err
}

// walkFiles runs the pass, as its repetition where letGo.
func (v *inventory) walkFiles(letGo bool) error {
	v.held = v.held[:0]
	udp := v.udp != nil && !letGo
	if err := v.tell(v.pass, udp, letGo); err != nil {
		return err
	}
	if udp {
		clear(v.udp)
	}
	err := each(v.owners, "", v.buf, int(unsafe.Sizeof(tcptopHolder{})), func(rec []byte) {
		switch h := (*tcptopHolder)(unsafe.Pointer(unsafe.SliceData(rec))); {
		case h.Slot != noSlot:
			v.hold(h)
		case udp:
			v.udp.add(h)
		}
	})
	return errors.Join(err, v.tell(0, false, false))
}

// tell says to the kernel which pass it is in; 0 is none.
func (v *inventory) tell(pass uint16, listUDP, letGo bool) error {
	err := errors.Join(v.vars["list_udp"].Set(listUDP), v.vars["owners_let_go"].Set(letGo), v.vars["owners_pass"].Set(pass))
	if err != nil {
		return fmt.Errorf("prepare the pass over open files: %w", err)
	}
	return nil
}

// costOf runs f and returns the CPU time in ns that its thread spent on it.
func costOf(f func() error) (int64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &before); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	err := f()
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &after); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	spent := func(r *unix.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	return spent(&after) - spent(&before), err
}

// each runs an iterator in a namespace and hands over its output record by record.
func each(it *link.Iter, namespace string, buf []byte, size int, use func([]byte)) error {
	var out io.ReadCloser
	err := inNamespace(namespace, func() (err error) {
		out, err = it.Open()
		return err
	})
	if err != nil {
		return fmt.Errorf("open an iterator: %w", err)
	}
	defer out.Close()
	have := 0
	for {
		n, err := out.Read(buf[have:])
		have += n
		used := 0
		for ; have-used >= size; used += size {
			use(buf[used : used+size])
		}
		have = copy(buf, buf[used:have])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("read an iterator: %w", err)
		}
	}
}

// counting runs a pass. In the first that sees all connections, those that find no room count.
func (v *inventory) counting(first bool, pass func() error) error {
	if !first {
		return pass()
	}
	v.counted = true
	if err := v.vars["older_count"].Set(true); err != nil {
		return fmt.Errorf("prepare to count what finds no room: %w", err)
	}
	return errors.Join(pass(), v.vars["older_count"].Set(false))
}

// tcpDue reports whether the pass over TCP sockets may run again.
func (v *inventory) tcpDue(now int64) bool {
	return now >= v.nextTCP || (v.asked || len(v.left) > 0 || v.slotless.any()) && now >= v.began+v.slotless.rest(v.soonTCP-v.began)
}

// runTCP walks the TCP sockets of the network namespaces that something asks for, or of
// all: those with counters get a slot; new small ones are appended to conns, and those that
// went to gone.
func (v *inventory) runTCP(limit int, conns []conn.Conn, gone []conn.ID) ([]conn.Conn, []conn.ID, error) {
	v.round++
	if v.tcp == nil {
		v.nextTCP = math.MaxInt64
		return conns, gone, nil
	}
	known, ended := len(conns)+len(gone), len(v.left) > 0 || v.asked
	v.asked, v.began = false, monotonic()
	some := v.some()
	v.slotless.begin(limit)
	cost, err := costOf(func() error {
		return v.counting(!v.counted, func() error { return v.eachMini(some, func(m *tcptopMini) { conns = v.addMini(m, limit, conns) }) })
	})
	if err != nil {
		return conns, gone, err
	}
	for id, seen := range v.minis {
		if seen.round != v.round {
			delete(v.minis, id)
			gone = append(gone, id)
		}
	}
	clear(v.leftBefore)
	v.left, v.leftBefore = v.leftBefore, v.left
	v.restTCP(cost, some == nil, !ended && len(conns)+len(gone) == known)
	return conns, gone, nil
}

// restTCP sets when the next pass comes after one that took cost, looked into all
// namespaces or not, and found nothing new or not.
func (v *inventory) restTCP(cost int64, whole, quiet bool) {
	now := monotonic()
	rest := v.share * cost
	if whole {
		v.nextWhole = now + max(rest, longestStill)
	}
	next := now + rest
	if quiet {
		next = v.nextWhole
	}
	if quiet && len(v.minis) > 0 {
		next = now + v.restForMinis(cost, now)
	}
	v.soonTCP, v.nextTCP = now+rest, max(min(next, v.nextWhole), now+rest)
}

// restForMinis is how long to wait after a pass that took cost and found only the minis that were there.
func (v *inventory) restForMinis(cost, now int64) int64 {
	rest, first := miniRest*v.share*cost, now+longestMinis
	for id, seen := range v.minis {
		if id.Serial != conn.TimeWaitSerial {
			return rest
		}
		first = min(first, seen.since+timeWaitLen)
	}
	return max(rest, first-now)
}

// some is the namespaces that something asks for and those with minis, as spaces; nil is all.
func (v *inventory) some() map[uint64]string {
	if v.whole || v.slotless.any() || v.began >= v.nextWhole {
		return nil
	}
	for _, seen := range v.minis {
		v.wanted[seen.netns] = struct{}{}
	}
	some := map[uint64]string{}
	for ns := range v.wanted {
		path, known := v.spaces[uint64(ns)]
		if inode, err := namespaceInode(cmp.Or(path, ownNamespace)); !known || err != nil || inode != uint64(ns) {
			return nil // who was in it has ended, or moved
		}
		some[uint64(ns)] = path
	}
	return some
}

// eachMini runs the iterator in some network namespaces, or in all. The hooks hold for all of
// them, later ones too: a pass only finds what no hook tells.
func (v *inventory) eachMini(some map[uint64]string, use func(*tcptopMini)) error {
	clear(v.wanted)
	if some != nil {
		return v.visit(some, use)
	}
	v.whole = false
	all, err := namespaces(true)
	v.spaces = all
	if err != nil {
		return err
	}
	return v.visit(all, use)
}

// visit runs the iterator in namespaces that were there a moment ago. One that can't be
// visited does not keep it from the others.
func (v *inventory) visit(all map[uint64]string, use func(*tcptopMini)) error {
	var failed error
	for _, path := range all {
		err := each(v.tcp, path, v.buf, int(unsafe.Sizeof(tcptopMini{})), func(rec []byte) {
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

func (v *inventory) addMini(m *tcptopMini, limit int, conns []conn.Conn) []conn.Conn {
	if m.Slotless != 0 {
		v.slotless.add(m)
		return conns
	}
	var c conn.Conn
	decodeMini(&c, m)
	seen, known := v.minis[c.ID]
	if !known && len(v.minis) >= limit {
		return conns
	}
	if !seen.owned || seen.state != c.State { // else it is only counted as there
		v.inherit(&c)
	}
	news := !known || seen.state != c.State || !seen.owned && c.Owner.PID != 0
	if !known {
		seen.since = v.began
	}
	v.minis[c.ID] = sighting{seen.since, v.round, c.NetNS, c.State, seen.owned || c.Owner.PID != 0}
	if !news {
		return conns
	}
	if len(conns) == cap(conns) { // they may be many at once: append alone would copy each four times
		conns = slices.Grow(conns, len(conns)+1)
	}
	return append(conns, c)
}

// inherit gives a time-wait socket the owner that its connection had.
func (v *inventory) inherit(c *conn.Conn) {
	if c.ID.Serial != conn.TimeWaitSerial {
		return
	}
	h, ok := v.left[c.ID.Cookie]
	if !ok {
		h, ok = v.leftBefore[c.ID.Cookie]
	}
	if ok {
		c.Owner, c.UID, c.Dir, c.Cgroup = h.owner, h.uid, h.dir, h.cgroup
		c.Has |= conn.HasUID | conn.HasCgroup
	}
}

// leave notes whose a connection was that may go on as a time-wait socket, until
// the next pass has looked.
func (v *inventory) leave(c *conn.Conn, limit int) {
	if c.Proto == conn.TCP && c.Reason == conn.FinLocal && len(v.left) < limit {
		v.left[c.ID.Cookie] = heir{c.Owner, c.UID, c.Dir, c.Cgroup}
		v.want(c.NetNS)
	}
}

// want notes a namespace for the next pass.
func (v *inventory) want(netns uint32) {
	if _, known := v.spaces[uint64(netns)]; known {
		v.wanted[netns] = struct{}{}
	} else {
		v.whole = true
	}
}

// ask wants a pass for what a listener tells: connections in their handshake, a
// namespace that is not known yet.
func (v *inventory) ask(c *conn.Conn) {
	if _, known := v.spaces[uint64(c.NetNS)]; c.SYNQueue > 0 || !known {
		v.asked = true
		v.want(c.NetNS)
	}
}

// missed wants one where hooks were passed by or what they told found no room, in the table or on its way.
func (v *inventory) missed(l *conn.Loss) {
	v.slotless.lost += int64(l.RingFull + l.QueueFull - v.ends)
	v.slotless.refused += int64(l.TableFull - v.full)
	v.ends, v.full = l.RingFull+l.QueueFull, l.TableFull
	if n := l.Skipped + v.ends + v.full; n != v.lost {
		v.lost, v.asked, v.whole = n, true, true
	}
}

// grown takes a syn-recv socket that became a connection off the list: it has a
// slot now, under the same cookie (inet_csk_clone_lock hands it on).
func (v *inventory) grown(id conn.ID) {
	if len(v.minis) > 0 {
		delete(v.minis, id)
	}
}

// defer the first repetition by at least one interval.
func (v *inventory) restUntil(now int64, interval time.Duration) {
	v.soonTCP, v.nextTCP = max(v.soonTCP, now+int64(interval)/2), max(v.nextTCP, now+int64(interval)/2)
}
