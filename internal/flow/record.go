package flow

import (
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Kind says what a record stands for.
type Kind uint8

// The kinds.
const (
	Update Kind = 1 + iota // a connection that goes on
	End                    // a connection's last record
	Rest                   // all that has no record of its own or, with a reason, no longer has
)

var kindNames = [...]string{"", "update", "end", "rest"}

func (k Kind) String() string { return kindNames[k] }

// Moved is what connections carried, retransmissions as in conn.Conn.
type Moved struct {
	RxBytes        uint64 `json:"rx_bytes"`
	TxBytes        uint64 `json:"tx_bytes"`
	RxPackets      uint64 `json:"rx_packets"`
	TxPackets      uint64 `json:"tx_packets"`
	RetransBytes   uint64 `json:"retrans_bytes"`
	RetransPackets uint64 `json:"retrans_packets"`
}

func movedBy(c *conn.Conn) Moved {
	return Moved{c.RxBytes, c.TxBytes, c.RxPackets, c.TxPackets, c.RetransBytes, uint64(c.RetransPackets)}
}

// since is m less was. The table's counters never go back.
func (m *Moved) since(was *Moved) Moved {
	return Moved{m.RxBytes - was.RxBytes, m.TxBytes - was.TxBytes, m.RxPackets - was.RxPackets,
		m.TxPackets - was.TxPackets, m.RetransBytes - was.RetransBytes, m.RetransPackets - was.RetransPackets}
}

// Add adds o.
func (m *Moved) Add(o *Moved) {
	m.RxBytes += o.RxBytes
	m.TxBytes += o.TxBytes
	m.RxPackets += o.RxPackets
	m.TxPackets += o.TxPackets
	m.RetransBytes += o.RetransBytes
	m.RetransPackets += o.RetransPackets
}

// Record is what one connection, or all the rest, moved in an interval.
type Record struct {
	Kind     Kind
	Interval time.Duration // its length
	Conns    uint64        // connections that a rest stands for; of the others 1
	Moved    Moved
	Row      table.Row // as last seen; of a rest nothing

	Reason  string // of a rest: why records were dropped; "" where none was
	Records uint64 // of such a rest: how many

	frame *table.Snapshot // without rows: when and where
}

// Dropped is the rest that stands for records that could not be kept or delivered.
func Dropped(at time.Time, host, reason string, sums Sums) Record {
	return Record{Kind: Rest, Reason: reason, Records: sums.Records, Conns: sums.Conns, Moved: sums.Moved,
		frame: &table.Snapshot{Time: at, Host: host}}
}

// Time is the end of the interval.
func (r *Record) Time() time.Time { return r.frame.Time }

// Host is where it was measured.
func (r *Record) Host() string { return r.frame.Host }

// Sums is what a number of records stands for.
type Sums struct {
	Records uint64 `json:"records"`
	Conns   uint64 `json:"conns"`
	Moved
}

// Sums is what r stands for: itself, or the records that were dropped before.
func (r *Record) Sums() Sums {
	s := Sums{Records: 1, Conns: r.conns(), Moved: r.Moved}
	if r.Reason != "" {
		s.Records = r.Records
	}
	return s
}

// Add adds o.
func (s *Sums) Add(o *Sums) {
	s.Records += o.Records
	s.Conns += o.Conns
	s.Moved.Add(&o.Moved)
}

func (r *Record) conns() uint64 {
	if r.Kind == Rest {
		return r.Conns
	}
	return 1
}

// fold adds a connection that gets no record of its own.
func (r *Record) fold(o *Record) {
	r.Conns += o.conns()
	r.Moved.Add(&o.Moved)
}

// Less is s without o, which is a part of it.
func (s *Sums) Less(o *Sums) Sums {
	return Sums{s.Records - o.Records, s.Conns - o.Conns, s.Moved.since(&o.Moved)}
}
