package record

import (
	"slices"
	"time"

	"tcptop/internal/conn"
)

// Decoder turns blocks into samples. It starts with a key frame, or with the first
// tick of a recording; after a block that was lost it needs a key frame again.
type Decoder struct {
	of        *Header
	r         *partReader
	known     pages
	live      int
	conns     []member[conn.Conn]
	heads     []member[conn.Sample]
	owners    []member[conn.OwnerTotal]
	gone      []member[conn.ID]
	places    glossary[conn.Place]
	processes glossary[conn.Process]
	remotes   glossary[conn.Remote]
	head      conn.Sample
	time      int64
	before    []conn.OwnerTotal // of the tick before
	out       conn.Sample
	seen      bool // the head of the tick at hand

	set    uint32 // number of the set of connections at hand
	skim   bool   // nobody wants the next sample's rows, only what is known after it
	at     []uint32
	fresh  []bool
	rows   []*entry
	values []uint64
}

// NewDecoder returns a Decoder of what h describes.
func NewDecoder(h *Header) (*Decoder, error) {
	r, err := newPartReader()
	if err != nil {
		return nil, err
	}
	d := &Decoder{
		of: h, r: r,
		conns: inFile(connMembers, h.Conn), heads: inFile(headMembers, h.Head),
		owners: inFile(totalMembers, h.Total), gone: inFile(goneMembers, h.Gone),
	}
	d.places.set, d.processes.set = settersInFile(placeTexts, h.Place), settersInFile(processTexts, h.Process)
	d.remotes.set = settersInFile(remoteTexts, h.Remote)
	d.forget()
	return d, nil
}

// forget makes the decoder as new.
func (d *Decoder) forget() {
	for _, p := range d.known.all {
		if p == nil {
			continue
		}
		for i := range p {
			p[i].live = false
		}
	}
	d.live, d.time, d.head = 0, 0, conn.Sample{}
	d.before = d.before[:0]
	d.places.reset()
	d.processes.reset()
	d.remotes.reset()
}

// Key takes a part of a key frame. After an error the decoder needs another one.
func (d *Decoder) Key(b Block) error {
	if b.First {
		d.forget()
	}
	return d.part(b)
}

// Tick takes a part of a tick. With the last one it returns the sample, which is
// valid until the next call. After an error the decoder needs a key frame.
func (d *Decoder) Tick(b Block) (*conn.Sample, error) {
	if b.First {
		d.out = conn.Sample{Conns: d.out.Conns[:0], Closed: d.out.Closed[:0], Gone: d.out.Gone[:0], Totals: d.out.Totals[:0], Faults: d.out.Faults[:0]}
		d.seen = false
	}
	if err := d.part(b); err != nil || !b.Last {
		return nil, err
	}
	if !d.seen {
		return nil, damaged("a tick without a head")
	}
	d.before = append(d.before[:0], d.out.Totals...)
	return &d.out, nil
}

// Whole makes the sample that Tick returned last one that needs none before it: its
// Conns are all that is known.
func (d *Decoder) Whole() *conn.Sample {
	d.out.Reset = true
	d.out.Conns, d.out.Gone = slices.Grow(d.out.Conns[:0], d.live), d.out.Gone[:0]
	for _, p := range d.known.all {
		if p == nil {
			continue
		}
		for i := range p {
			if p[i].live {
				d.out.Conns = append(d.out.Conns, p[i].Conn)
			}
		}
	}
	return &d.out
}

// fillHead gives the sample what is known of itself.
func (d *Decoder) fillHead() {
	for m := range d.heads {
		if d.heads[m].set != nil {
			d.heads[m].set(&d.out, d.heads[m].get(&d.head))
		}
	}
	d.out.Time, d.out.Host = time.Unix(0, d.time).UTC(), d.of.Host
}

// part decodes the sets of b.
func (d *Decoder) part(b Block) error {
	if err := d.r.open(b.Body); err != nil {
		return err
	}
	for d.r.err == nil && len(d.r.at) > 0 {
		set := d.r.take(1)[0]
		n := d.r.uvarint()
		if n == 0 || n > partRows || (b.Kind == KindKey) != (set == setKey) {
			return damaged("set %q of %d rows", set, n)
		}
		d.grow(int(n))
		switch set {
		case setHead:
			d.headSet()
		case setConns, setClosed, setKey:
			d.connSet(set, int(n))
		case setGone:
			d.goneSet(int(n))
		case setFaults:
			d.faultSet(int(n))
		case setTotals:
			d.totalSet(int(n))
		default:
			return damaged("set %q", set)
		}
	}
	return d.r.err
}

func (d *Decoder) grow(n int) {
	if len(d.values) < n {
		d.values, d.at, d.fresh, d.rows = make([]uint64, n), make([]uint32, n), make([]bool, n), make([]*entry, n)
	}
}
