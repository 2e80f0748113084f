package record

import (
	"slices"

	"tcptop/internal/conn"
)

const (
	// partRows is how many rows are encoded at once: it bounds the memory that takes.
	partRows = 1 << 12
	// partTexts is how many bytes of texts a part defines before it ends.
	partTexts = 1 << 20
	// maxTexts and maxTextBytes bound the dictionaries of a run of ticks.
	maxTexts     = 1 << 15
	maxTextBytes = 8 << 20
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

// entry is what is known of one connection.
type entry struct {
	conn.Conn
	place, process, remote uint32 // numbers in the dictionaries; the pointers are not used
	live                   bool
}

// Encoder turns samples into blocks. It remembers every connection as it was last
// named, and is for one goroutine.
type Encoder struct {
	w         *partWriter
	known     pages
	slots     map[conn.ID]uint32
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
	at                     []uint32 // slot
	fresh                  []bool   // nothing was known in that slot
	place, process, remote []uint32 // numbers in the dictionaries
	values                 []uint64
	keyed                  []conn.Conn // a key frame's rows
}

// NewEncoder returns an Encoder that knows nothing yet. Its first tick is number seq.
func NewEncoder(seq uint64) (*Encoder, error) {
	w, err := newPartWriter()
	if err != nil {
		return nil, err
	}
	return &Encoder{
		w: w, slots: map[conn.ID]uint32{}, seq: seq,
		places: newDictionary(placeTexts), processes: newDictionary(processTexts), remotes: newDictionary(remoteTexts),
		at: make([]uint32, partRows), fresh: make([]bool, partRows), values: make([]uint64, partRows),
		place: make([]uint32, partRows), process: make([]uint32, partRows), remote: make([]uint32, partRows),
	}, nil
}

// Live is how many connections are known.
func (e *Encoder) Live() int { return len(e.slots) }

// Full reports whether a key frame must come before the next tick, because texts
// have piled up.
func (e *Encoder) Full() bool {
	return len(e.places.recent)+len(e.processes.recent)+len(e.remotes.recent) >= maxTexts ||
		e.places.size+e.processes.size+e.remotes.size >= maxTextBytes
}

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
	named := make(map[conn.ID]bool, len(s.Conns)+len(s.Closed))
	for _, list := range [][]conn.Conn{s.Conns, s.Closed} {
		for i := range list {
			named[list[i].ID] = true
		}
	}
	places, processes, remotes := changes(s.Places), changes(s.Processes), changes(s.Remotes)
	for slot := range e.next {
		x := e.known.at(slot)
		if !x.live || named[x.ID] {
			continue
		}
		c := x.Conn
		renew(&c.Place, places)
		renew(&c.Process, processes)
		renew(&c.Remote, remotes)
		if c.Place != x.Place || c.Process != x.Process || c.Remote != x.Remote {
			rows = append(rows, c)
		}
	}
	return rows
}

func changes[T any](news []conn.Change[T]) map[*T]*T {
	is := make(map[*T]*T, len(news))
	for _, n := range news {
		is[n.Was] = n.Is
	}
	return is
}

func renew[T any](p **T, is map[*T]*T) {
	if now := is[*p]; now != nil {
		*p = now
	}
}

// Key encodes all that is known as parts for put, and starts the dictionaries anew.
// next is the sample that will be encoded next.
func (e *Encoder) Key(next *conn.Sample, put func(Block)) {
	e.places.reset()
	e.processes.reset()
	e.remotes.reset()
	e.head, e.time, e.totals = conn.Sample{}, 0, e.totals[:0]
	e.begin(KindKey, next, put)
	n := 0
	for slot := range e.next {
		if x := e.known.at(slot); x.live {
			e.at[n], e.fresh[n] = slot, true
			n++
		}
		if n == partRows {
			e.keySet(n)
			n = 0
		}
	}
	e.keySet(n)
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
