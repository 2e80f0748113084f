package record

import (
	"cmp"
	"slices"

	"tcptop/internal/conn"
)

const (
	// partRows is how many rows are encoded at once: it bounds the memory that takes.
	partRows = 1 << 12
	// partTexts is how many bytes of texts a part defines before it ends.
	partTexts = 1 << 20
	// maxTexts and maxTextBytes bound what each dictionary of a run of ticks holds
	// beyond what its key frame needed.
	maxTexts     = 1 << 14
	maxTextBytes = 4 << 20
)

// The sets of a part, and the columns that every set of connections has before the
// members of its header's list.
const (
	setHead   = 'h'
	setConns  = 'c'
	setClosed = 'e'
	setGone   = 'g'
	setTotals = 't'
	setFaults = 'f'
	setKey    = 'k'

	columnSlot    = 1
	columnPlace   = 2
	columnProcess = 3
	columnRemote  = 4
	columnTime    = 1  // of the head
	columnMembers = 16 // the first member's; those before are for what else a row may have
)

// Encoder turns samples into blocks. It remembers every connection as it was last
// named, and is for one goroutine.
type Encoder struct {
	w         *partWriter
	known     ledger
	slots     conn.Index
	vacant    []uint32
	next      uint32 // slots from here on were never used
	places    dictionary[conn.Place]
	processes dictionary[conn.Process]
	remotes   dictionary[conn.Remote]
	head      conn.Sample // of the tick before, without its lists
	time      int64       // of the tick before, Unix ns
	totals    []conn.OwnerTotal
	seq       uint64

	block Block // the part at hand
	rows  int   // in it
	put   func(Block)

	// Of the set at hand, by row.
	at      []uint32 // slot
	runs    []run    // of them
	fresh   []bool   // nothing was known in that slot
	news    bool     // all are fresh
	varying varying  // where all are
	was, is []uint64 // a column, as it was known and as it is
	handles [3][]uint64
	numbers [3][]uint64 // of what these name
	values  []uint64
}

// NewEncoder returns an Encoder that knows nothing yet. Its first tick is number seq.
func NewEncoder(seq uint64) (*Encoder, error) {
	w, err := newPartWriter()
	if err != nil {
		return nil, err
	}
	e := &Encoder{
		w: w, seq: seq,
		places: newDictionary(placeTexts), processes: newDictionary(processTexts), remotes: newDictionary(remoteTexts),
		at: make([]uint32, 0, partRows), fresh: make([]bool, partRows), values: make([]uint64, partRows),
		was: make([]uint64, partRows), is: make([]uint64, partRows),
	}
	for which := range e.handles {
		e.handles[which], e.numbers[which] = make([]uint64, partRows), make([]uint64, partRows)
	}
	e.slots = conn.NewIndex(0, e.known.id)
	return e, nil
}

// Live is how many connections are known.
func (e *Encoder) Live() int { return e.slots.Len() }

// Full reports whether a key frame must come before the next tick, because texts
// have piled up.
func (e *Encoder) Full() bool { return e.places.long() || e.processes.long() || e.remotes.long() }

// Tick encodes s, remembers it, and gives its parts to put in turn.
func (e *Encoder) Tick(s *conn.Sample, put func(Block)) {
	e.begin(KindTick, s, put)
	e.headSet(s)
	for texts := range slices.Chunk(s.Faults, partRows) {
		e.room(len(texts))
		e.faultSet(texts)
	}
	for rows := range slices.Chunk(e.renewed(s), partRows) {
		e.room(len(rows))
		e.connSet(setConns, rows)
	}
	for rows := range slices.Chunk(s.Conns, partRows) {
		e.room(len(rows))
		e.connSet(setConns, rows)
	}
	for rows := range slices.Chunk(s.Closed, partRows) {
		e.room(len(rows))
		e.connSet(setClosed, rows)
	}
	for ids := range slices.Chunk(s.Gone, partRows) {
		e.room(len(ids))
		e.goneSet(ids)
	}
	for start := 0; start < len(s.Totals); start += partRows {
		totals := s.Totals[start:min(start+partRows, len(s.Totals))]
		e.room(len(totals))
		e.totalSet(totals, start)
	}
	e.totals = append(e.totals[:0], s.Totals...)
	e.end()
	e.seq++
}

// renewed returns the rows that s does not name and that point to what is known better
// now: in a recording they are named like rows that moved, since what they point to goes
// by what it says there.
func (e *Encoder) renewed(s *conn.Sample) (rows []conn.Conn) {
	if len(s.Places)+len(s.Processes)+len(s.Remotes) == 0 {
		return nil
	}
	places, processes, remotes := changes(&e.places, s.Places), changes(&e.processes, s.Processes), changes(&e.remotes, s.Remotes)
	if len(places)+len(processes)+len(remotes) == 0 {
		return nil
	}
	named := make(map[conn.ID]bool, len(s.Conns)+len(s.Closed))
	for _, list := range [][]conn.Conn{s.Conns, s.Closed} {
		for i := range list {
			named[list[i].ID] = true
		}
	}
	for from := uint32(0); ; from = e.at[len(e.at)-1] + 1 {
		if e.at = e.known.slots(e.at[:0], from, partRows); len(e.at) == 0 {
			return rows
		}
		for _, slot := range e.at {
			place, process, remote := places[e.known.number(ledgerPlace, slot)], processes[e.known.number(ledgerProcess, slot)], remotes[e.known.number(ledgerRemote, slot)]
			if place == nil && process == nil && remote == nil {
				continue
			}
			c := e.row(slot)
			if named[c.ID] {
				continue
			}
			c.Place, c.Process, c.Remote = cmp.Or(place, c.Place), cmp.Or(process, c.Process), cmp.Or(remote, c.Remote)
			rows = append(rows, c)
		}
	}
}

// row is the connection in slot as it was last written.
func (e *Encoder) row(slot uint32) conn.Conn {
	c := e.known.conn(slot)
	c.Place = e.places.named[e.known.number(ledgerPlace, slot)].is
	c.Process = e.processes.named[e.known.number(ledgerProcess, slot)].is
	c.Remote = e.remotes.named[e.known.number(ledgerRemote, slot)].is
	return c
}

// changes are what rows point to now, by the handles of what they pointed to.
func changes[T any](d *dictionary[T], news []conn.Change[T]) map[uint64]*T {
	var is map[uint64]*T
	for _, n := range news {
		if h, known := d.handles[n.Was]; known {
			if is == nil {
				is = make(map[uint64]*T, len(news))
			}
			is[uint64(h)] = n.Is
		}
	}
	return is
}

// Key encodes all that is known as parts for put, and starts the dictionaries anew.
// next is the sample that will be encoded next.
func (e *Encoder) Key(next *conn.Sample, put func(Block)) {
	e.places.begin()
	e.processes.begin()
	e.remotes.begin()
	e.head, e.time, e.totals = conn.Sample{}, 0, e.totals[:0]
	e.begin(KindKey, next, put)
	for from := uint32(0); ; from = e.at[len(e.at)-1] + 1 {
		if e.at = e.known.slots(e.at[:0], from, partRows); len(e.at) == 0 {
			break
		}
		e.keySet()
	}
	e.places.end()
	e.processes.end()
	e.remotes.end()
	e.end()
}

// begin starts the first part of a whole.
func (e *Encoder) begin(k Kind, s *conn.Sample, put func(Block)) {
	e.w.reset()
	e.rows, e.put = 0, put
	e.block = Block{Kind: k, First: true, Seq: e.seq, Time: s.Time.UnixNano()}
}

// room ends the part at hand where rows more are too many for it.
func (e *Encoder) room(rows int) {
	if e.rows > 0 && (e.rows+rows > partRows || len(e.w.plain) > partTexts) {
		e.flush()
		e.block.First = false
	}
	e.rows += rows
}

func (e *Encoder) end() {
	e.block.Last = true
	e.flush()
}

func (e *Encoder) flush() {
	e.block.Body = e.w.finish()
	e.put(e.block)
	e.w.reset()
	e.rows = 0
}
