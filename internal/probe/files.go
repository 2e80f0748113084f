package probe

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Whoever looks for an owner is not kept waiting longer than ownersPause by what a pass over open
// files costs. Where nobody does, what is known of owners is looked over after checkPause. A pass that
// found nothing new is followed by one that waits quietRest times as long, at most longestOwners: a
// host whose connections stay pays a tenth. That somebody has handed on a socket is told by nothing else.
const (
	ownersPause   = int64(5 * time.Second)
	checkPause    = int64(5 * time.Second)
	quietRest     = int64(10)
	longestOwners = int64(time.Minute)
)

// filePass looks through the files of all processes for the owners of what no hook names: sockets
// older than tcptop, accepted connections, those that were handed on.
type filePass struct {
	walk
	vars    map[string]*ebpf.Variable
	n       uint16         // number of the last pass
	held    []tcptopHolder // what it found that owners don't
	udp     udpHolders     // who held UDP sockets then; nil where they are not measured
	udpHeld int            // how often they were
	still   bool           // it found nothing new

	next      int64 // monotonic ns before which it is not repeated
	nextCheck int64 // monotonic ns at which owners are looked over
}

// newFilePass is the pass by it, which sees all connections first where there is none over sockets.
func newFilePass(vars map[string]*ebpf.Variable, it *link.Iter, first, calm bool) *filePass {
	return &filePass{walk: newWalk(it, first, calm), vars: vars}
}

// restFor is how long to wait after a pass over open files that took cost, a quiet one for no
// more than longestOwners unless it costs that much.
func (p *filePass) restFor(cost int64, quiet bool) int64 {
	rest := p.share * cost
	if !quiet {
		return rest
	}
	return max(rest, min(quietRest*rest, longestOwners))
}

// due reports whether it may run again.
func (p *filePass) due(now int64) bool { return now >= p.next }

// checkDue reports whether it has to, though nobody looks for an owner.
func (p *filePass) checkDue(now int64) bool { return now >= p.nextCheck }

// run walks every process' files: sockets without an owner get one, unknown
// sockets a slot, those that were given away the owner that they have now
// (docs/owners.md). Who holds UDP sockets is counted.
func (p *filePass) run(slots *slotTable) error {
	if p.it == nil {
		p.next, p.nextCheck = math.MaxInt64, math.MaxInt64
		return nil
	}
	p.n = p.n%(passTaken-1) + 1
	cost, err := costOf(func() error {
		err := p.counting(p.vars["older_count"], func() error { return p.look(false) })
		used, failed := slots.reach()
		if failed != nil {
			return failed
		}
		if err == nil && slots.gaveAway(p.held, p.n) {
			err = p.look(true)
		}
		p.still = !slots.count(p.held, p.n, used)
		return err
	})
	if n := p.udp.held(); n != p.udpHeld {
		p.udpHeld, p.still = n, false
	}
	now := monotonic()
	p.next = now + min(p.share*cost, ownersPause)
	p.nextCheck = now + max(p.restFor(cost, p.still), checkPause)
	return err
}

// look runs the pass, as its repetition where letGo.
func (p *filePass) look(letGo bool) error {
	p.held = p.held[:0]
	udp := p.udp != nil && !letGo
	if err := p.tell(p.n, udp, letGo); err != nil {
		return err
	}
	if udp {
		clear(p.udp)
	}
	err := p.each("", int(unsafe.Sizeof(tcptopHolder{})), func(rec []byte) {
		switch h := (*tcptopHolder)(unsafe.Pointer(unsafe.SliceData(rec))); {
		case h.Slot != noSlot:
			p.hold(h)
		case udp:
			p.udp.add(h)
		}
	})
	return errors.Join(err, p.tell(0, false, false))
}

// tell says to the kernel which pass it is in; 0 is none.
func (p *filePass) tell(pass uint16, listUDP, letGo bool) error {
	err := errors.Join(p.vars["list_udp"].Set(listUDP), p.vars["owners_let_go"].Set(letGo), p.vars["owners_pass"].Set(pass))
	if err != nil {
		return fmt.Errorf("prepare the pass over open files: %w", err)
	}
	return nil
}
