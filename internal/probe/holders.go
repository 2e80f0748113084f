package probe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"tcptop/internal/conn"
)

// passTaken marks a pass in which a connection got its owner, noSlot a UDP socket, as
// in bpf/conn.h.
const (
	passTaken = 0x8000
	noSlot    = ^uint32(0)
)

// maxHeld bounds what one pass may list. Where more hold sockets of others, the pass
// counts no holders: those counted before stay.
const maxHeld = 1 << 18

// hold takes what a pass found: a process that holds a socket and is not its owner.
func (p *filePass) hold(h *tcptopHolder) {
	if len(p.held) < maxHeld {
		p.held = append(p.held, *h)
	}
}

// udpHolders counts the processes that hold a UDP socket, by its cookie.
type udpHolders map[uint64]udpHeld

type udpHeld struct {
	n    uint16
	last uint32 // process; its files come one after the other
}

func (u udpHolders) add(h *tcptopHolder) {
	if of := u[h.Cookie]; of.last != h.Tgid && of.n != math.MaxUint16 {
		u[h.Cookie] = udpHeld{of.n + 1, h.Tgid}
	}
}

// held is how often any of them is held.
func (u udpHolders) held() (n int) {
	for _, of := range u {
		n += int(of.n)
	}
	return n
}

// tell notes in rows how many hold their sockets. One that is younger than the pass is not known.
func (u udpHolders) tell(rows []conn.Conn) {
	for i := range rows {
		c := &rows[i]
		if of, known := u[c.ID.Cookie]; known {
			c.Holders = of.n
			c.Has |= conn.HasHolders
		}
	}
}

// gaveAway reports whether a process other than its owner holds one of held, and its
// owner no longer does.
func (t *slotTable) gaveAway(held []tcptopHolder, pass uint16) bool {
	for i := range held {
		if h := &held[i]; t.is(h) && t.slots[h.Slot].Pass&^passTaken != pass {
			return true
		}
	}
	return false
}

func (t *slotTable) is(h *tcptopHolder) bool {
	return int(h.Slot) < len(t.hot) && atomic.LoadUint64(&t.hot[h.Slot].Cookie) == h.Cookie && t.phase(h.Slot) == phaseOpen
}

// count notes for each connection how many processes a pass found to hold it; the next
// sweep names those that others hold than before. It sorts held; used is as of reach. There
// are news where an owner or such a number is another one.
func (t *slotTable) count(held []tcptopHolder, pass uint16, used int) (news bool) {
	if len(held) == maxHeld {
		return true
	}
	slices.SortFunc(held, func(a, b tcptopHolder) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Tgid, b.Tgid))
	})
	held = slices.Compact(held) // a process may have several files of one socket
	for slot := range uint32(used) {
		s, n := &t.slots[slot], uint16(0)
		if s.Pass&^passTaken == pass {
			n = 1
		}
		for ; len(held) > 0 && held[0].Slot == slot; held = held[1:] {
			if held[0].Cookie == s.Cookie && held[0].Tgid != s.Tgid && n != ^uint16(0) {
				n++
			}
		}
		news = news || s.Pass == pass|passTaken
		if s.Pass != 0 && s.Holders != n && t.phase(slot) == phaseOpen {
			news = true
			s.Holders = n
			atomic.StoreUint64(&t.hot[slot].Stamp, 0)
			t.hot[slot].Again = 1
		}
	}
	return news
}

// Holders lists the processes that hold a socket now, by a pass over all open files.
// It may be called while samples are taken.
func (p *Probe) Holders(id conn.ID) ([]conn.Owner, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if p.holders == nil {
		return nil, errors.New("not known on this kernel")
	}
	if err := p.obj.maps.Variables["holders_of"].Set(id.Cookie); err != nil {
		return nil, fmt.Errorf("set holders_of: %w", err)
	}
	var found []conn.Owner
	pass := walk{it: p.holders, buf: make([]byte, 16<<10)}
	err := pass.each("", int(unsafe.Sizeof(tcptopTask{})), func(rec []byte) {
		t := (*tcptopTask)(unsafe.Pointer(unsafe.SliceData(rec)))
		found = append(found, conn.Owner{PID: t.Tgid, Start: t.PidStart, Comm: name(&t.Comm), Source: conn.OwnerFiles})
	})
	slices.SortFunc(found, func(a, b conn.Owner) int { return cmp.Compare(a.PID, b.PID) })
	return slices.Compact(found), err
}
