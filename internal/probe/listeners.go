package probe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// listeners keeps what a slot does not tell of the listeners that there are.
type listeners struct {
	waits  *ebpf.Map // how long connections waited, by listener
	timed  bool      // something fills it
	known  map[uint64]*listener
	spaces map[uint32]*space // by network namespace
	round  uint64
	next   int // the first namespace whose turn it is
	// untimed are those that found no room where the kernel keeps the waits
	untimed map[uint64]bool
}

type listener struct {
	slot     uint32
	netns    uint32
	pid      uint32
	round    uint64 // in which it was named last
	queued   bool   // it had connections in their handshake then
	waited   waits  // until then
	p50, p99 uint32
}

// space is a network namespace with listeners in it.
type space struct {
	first, now listenStats
	read       bool
	stirred    bool // something happened at a listener since
	unread     int  // ticks since
}

// maxSpaces is in how many namespaces the statistics are read in one tick, a tenth of
// a millisecond each; beyond that they take turns.
const maxSpaces = 16

// calmTicks is how rarely they are read where nothing happens at any listener: what is
// dropped is counted at one, too, and cookies are sent by one whose queue is full, unless
// they always are (tcp_syncookies 2).
const calmTicks = 5

func newListeners(coll *ebpf.Collection, timed bool) *listeners {
	return &listeners{waits: coll.Maps["tt_waits"], timed: timed, known: map[uint64]*listener{}, spaces: map[uint32]*space{}, untimed: map[uint64]bool{}}
}

// fill completes a listener that is named in this tick.
func (ls *listeners) fill(slot uint32, c *conn.Conn) {
	l := ls.known[c.ID.Cookie]
	if l == nil {
		l = &listener{}
		ls.known[c.ID.Cookie] = l
	}
	l.slot, l.netns, l.round, l.queued = slot, c.NetNS, ls.round, c.SYNQueue > 0
	if c.Owner.PID != 0 {
		l.pid = c.Owner.PID
	}
	if ls.spaces[c.NetNS] == nil {
		ls.spaces[c.NetNS] = &space{}
	}
	if ls.timed {
		ls.time(c.ID.Cookie, l)
	}
	c.AcceptP50, c.AcceptP99 = l.p50, l.p99
	ls.spaces[c.NetNS].fill(c)
}

// time brings up to date how long connections to a listener waited.
func (ls *listeners) time(cookie uint64, l *listener) {
	var now waits
	switch err := ls.waits.Lookup(cookie, &now); {
	case err == nil:
		if p50, p99, any := now.since(&l.waited); any {
			l.p50, l.p99 = p50, p99
		}
		l.waited = now
		delete(ls.untimed, cookie)
	case errors.Is(err, ebpf.ErrKeyNotExist):
		ls.untimed[cookie] = true
	}
}

// full is an error while there are listeners whose waits found no room.
func (ls *listeners) full() error {
	if len(ls.untimed) == 0 {
		return nil
	}
	return fmt.Errorf("room for %d listeners", ls.waits.MaxEntries())
}

func (sp *space) fill(c *conn.Conn) {
	if !sp.read {
		return
	}
	c.Has |= conn.HasListens
	c.ListenOverflows = uint32(sp.now.overflows - sp.first.overflows)
	c.ListenDrops = uint32(sp.now.drops - sp.first.drops)
	c.CookiesSent = uint32(sp.now.cookies - sp.first.cookies)
}

// closed forgets the listeners that have ended.
func (ls *listeners) closed(ended []conn.Conn) {
	for i := range ended {
		if ended[i].Dir == conn.DirListen {
			delete(ls.known, ended[i].ID.Cookie)
			delete(ls.untimed, ended[i].ID.Cookie)
		}
	}
}

// stir notes the namespaces of the listeners among the slots that moved.
func (ls *listeners) stir(t *slotTable, changed []uint32) {
	for _, slot := range changed {
		if t.hot[slot].Listen == 0 {
			continue
		}
		if sp := ls.spaces[t.slots[slot].Netns]; sp != nil {
			sp.stirred = true
		}
	}
}

// due reports whether a namespace's statistics are to be read in this tick.
func (sp *space) due() bool {
	sp.unread++
	if sp.read && !sp.stirred && sp.unread < calmTicks {
		return false
	}
	sp.unread, sp.stirred = 0, false
	return true
}

// look starts a tick: it reads the statistics of the namespaces, whose paths are known by inode, and
// returns those in which they have changed.
func (ls *listeners) look(paths map[uint64]string) map[uint32]bool {
	pids := map[uint32]uint32{}
	for _, l := range ls.known {
		pids[l.netns] = max(pids[l.netns], l.pid)
		if sp := ls.spaces[l.netns]; sp != nil && l.queued {
			sp.stirred = true
		}
	}
	ls.round++
	var changed map[uint32]bool
	for _, ns := range ls.turn() {
		pid, here := pids[ns]
		if !here {
			delete(ls.spaces, ns)
			continue
		}
		if !ls.spaces[ns].due() {
			continue
		}
		text := netstatOf(ns, pid)
		if path, known := paths[uint64(ns)]; text == nil && known {
			text = netstatIn(path)
		}
		if !ls.spaces[ns].update(text) {
			continue
		}
		if changed == nil {
			changed = map[uint32]bool{}
		}
		changed[ns] = true
	}
	return changed
}

// unnamed are the slots of listeners in these namespaces that are not named in this tick.
func (ls *listeners) unnamed(in map[uint32]bool) (slots []uint32) {
	if len(in) == 0 {
		return nil
	}
	for _, l := range ls.known {
		if in[l.netns] && l.round != ls.round {
			slots = append(slots, l.slot)
		}
	}
	return slots
}

// turn is the namespaces to look at in this tick.
func (ls *listeners) turn() []uint32 {
	all := slices.Sorted(maps.Keys(ls.spaces))
	if len(all) <= maxSpaces {
		return all
	}
	var turn []uint32
	for range maxSpaces {
		ls.next = (ls.next + 1) % len(all)
		turn = append(turn, all[ls.next])
	}
	return turn
}

// netstatOf asks a process for its namespace's statistics; nil where it is in another.
func netstatOf(ns, pid uint32) []byte {
	proc := "/proc/" + strconv.FormatUint(uint64(pid), 10)
	if inode, err := namespaceInode(proc + "/ns/net"); err != nil || inode != uint64(ns) {
		return nil // it has ended, or moved
	}
	return readOrNil(proc + "/net/netstat")
}

// netstatIn goes into the namespace at path for them.
func netstatIn(path string) (text []byte) {
	_ = inNamespace(path, func() error { // what cannot be read is not known
		text = readOrNil("/proc/thread-self/net/netstat")
		return nil
	})
	return text
}

func readOrNil(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}

// update takes a namespace's statistics over and reports whether they have changed.
// What cannot be read stays as it was.
func (sp *space) update(text []byte) bool {
	now, ok := parseListenStats(text)
	if !ok {
		return false
	}
	if !sp.read {
		sp.first, sp.now, sp.read = now, now, true
		return true
	}
	changed := now != sp.now
	sp.now = now
	return changed
}
