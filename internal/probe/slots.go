package probe

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// Phases of a slot, as in bpf/conn.h.
const (
	phaseFree uint32 = iota
	phaseOpen
	phasePending
	phaseDone
	phaseIdle
	phaseDying
	phaseDead
	phaseGone
)

// sweepChunk is how many slots one run of the sweep looks at: a few milliseconds,
// after which a request to stop is heard.
const sweepChunk = 1 << 16

// slotTable is the kernel's table of TCP sockets, shared with the programs.
type slotTable struct {
	prog     *ebpf.Program
	free     *ebpf.Map // stack of slots that were used and are nobody's
	size     int
	hot      []tcptopHot  // as far as slots are in use, as reach found
	slots    []tcptopConn // likewise
	hots     *window[tcptopHot]
	conns    *window[tcptopConn]
	changed  []uint32
	legend   legend
	counters *tcptopCounters
	mapped   [][]byte
	stale    uint64
}

func mapSlots(coll *ebpf.Collection, sweep *ebpf.Program, n int) (_ *slotTable, err error) {
	t := &slotTable{prog: sweep, free: coll.Maps["tt_free"], size: n}
	if t.hots, err = openWindow[tcptopHot](coll.Maps["tt_hot"], n); err != nil {
		return nil, err
	}
	if t.conns, err = openWindow[tcptopConn](coll.Maps["tt_slots"], n); err != nil {
		return nil, err
	}
	blocks, mem, err := mapArray[[16]uint32](coll.Maps["tt_changed"], (n+15)/16)
	if err != nil {
		return nil, err
	}
	t.changed = unsafe.Slice(&blocks[0][0], len(blocks)*16)
	t.mapped = append(t.mapped, mem)
	counters, mem, err := mapArray[tcptopCounters](coll.Maps[".data.counters"], 1)
	if err != nil {
		return nil, err
	}
	t.counters = &counters[0]
	t.mapped = append(t.mapped, mem)
	names, mem, err := mapArray[[ccNamesLen]tcptopCcName](coll.Maps[".data.cc"], 1)
	if err != nil {
		return nil, err
	}
	t.legend.names = names[0][:]
	t.mapped = append(t.mapped, mem)
	t.legend.jiffy, err = jiffy()
	return t, err
}

func (t *slotTable) Close() error {
	t.hot, t.slots = nil, nil
	if err := errors.Join(t.hots.Close(), t.conns.Close()); err != nil {
		return err
	}
	for _, mem := range t.mapped {
		if err := unix.Munmap(mem); err != nil {
			return fmt.Errorf("unmap the slot table: %w", err)
		}
	}
	t.mapped = nil
	return nil
}

// reach returns how many slots are in use or have been: those that may be read.
func (t *slotTable) reach() (used int, err error) {
	used = int(min(atomic.LoadUint64(&t.counters.SlotsUsed), uint64(t.size)))
	if used > len(t.hot) {
		if t.hot, err = t.hots.upTo(used); err != nil {
			return 0, err
		}
	}
	if used > len(t.slots) {
		if t.slots, err = t.conns.upTo(used); err != nil {
			return 0, err
		}
	}
	return used, nil
}

// sweep copies what moved since the last one and returns the numbers of those
// slots, which are valid until the next sweep; also where it failed midway.
func (t *slotTable) sweep() (changed []uint32, err error) {
	used, err := t.reach()
	if err != nil {
		return nil, err
	}
	args := tcptopSweepArgs{}
	var gone uint64
	for args.Start = 0; int(args.Start) < used; args.Start += sweepChunk {
		args.N = uint32(min(sweepChunk, used-int(args.Start)))
		if err = runSweep(t.prog, &args); err != nil {
			err = fmt.Errorf("sweep the slot table: %w", err)
			break
		}
		t.stale += uint64(args.Stale)
		gone += uint64(args.Gone)
	}
	if args.NowNs != 0 {
		t.legend.at, t.legend.mono = args.Jiffies, int64(args.NowNs)
	}
	changed = t.changed[:args.Changed]
	if gone == 0 {
		return changed, err
	}
	return changed, errors.Join(err, t.release(changed))
}

// release gives the slots back that the sweep has given up.
func (t *slotTable) release(changed []uint32) error {
	for _, slot := range changed {
		if t.phase(slot) != phaseGone {
			continue
		}
		atomic.StoreUint32(&t.hot[slot].Phase, phaseFree)
		if err := t.free.Put(nil, slot); err != nil {
			return fmt.Errorf("give slot %d back: %w", slot, err)
		}
	}
	return nil
}

// runSweep runs a syscall program over args, which it may change.
func runSweep(prog *ebpf.Program, args *tcptopSweepArgs) error {
	_, err := prog.Run(&ebpf.RunOptions{Context: args, ContextOut: args})
	return err
}

// read decodes a slot; false when its socket went meanwhile.
func (t *slotTable) read(slot uint32, c *conn.Conn) bool {
	h := &t.hot[slot]
	cookie := atomic.LoadUint64(&h.Cookie)
	if cookie == 0 {
		return false
	}
	decodeConn(c, &t.slots[slot], t.legend)
	c.Seat = slot + 1
	return atomic.LoadUint64(&h.Cookie) == cookie && c.ID.Cookie == cookie
}

func (t *slotTable) phase(slot uint32) uint32 { return atomic.LoadUint32(&t.hot[slot].Phase) }

func (t *slotTable) owned(slot uint32) bool {
	s := &t.slots[slot]
	return s.Tgid != 0 || s.Bits&bitKernel != 0
}

// settle takes a closed connection that waited for its owner out of the kernel's
// hands; false when the kernel reported it first.
func (t *slotTable) settle(slot uint32, c *conn.Conn) bool {
	if !t.read(slot, c) {
		return false
	}
	finish(c, &t.slots[slot], 0)
	return atomic.CompareAndSwapUint32(&t.hot[slot].Phase, phasePending, phaseDone)
}
