package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// The bounds of what a host may say.
const (
	maxLine  = 1 << 18 // bytes of a line
	maxRows  = 1 << 16 // rows of a host
	maxTexts = 1 << 12 // places, processes and remotes that are kept to be shared by rows
	maxText  = 256     // bytes of a text
	maxPath  = 1024    // bytes of a path or a command line
	maxList  = 64      // faults and what is missing
)

// schema is the newest version of the lines that is understood.
const schema = 1

// SchemaError says that a host's tcptop is too new.
type SchemaError struct{ Schema int64 }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the tcptop there prints schema %d, this one reads %d: it is too old for it", e.Schema, schema)
}

var errNoRow = errors.New("not a row of tcptop")

// tick is one tick of a host: what is told of it and when, by the host's clock.
type tick struct {
	table.Told
	clock   int64    // ns of the host's own clock, not of ours
	ended   bool     // by a line of its own: the host tells of each tick
	missing []string // what is not measured there
}

// decoder turns lines into ticks. It is the inverse of output's JSON lines.
type decoder struct {
	words words
	next  tick   // so far
	ts    string // of its rows; "" is none yet
	begun bool   // a tick has ended
	named bool   // ticks end by a line
	bad   uint64 // lines that were left out

	line      line
	places    map[conn.Place]*conn.Place
	processes map[conn.Process]*conn.Process
	remotes   map[conn.Remote]*conn.Remote
}

func newDecoder() *decoder { return &decoder{words: newWords()} }

// take takes a line and returns the tick that it ends, nil where it ends none. An older
// tcptop prints every row in every tick and no line at its end, so the first row
// of the next one ends it, or flush. The error is a *SchemaError.
func (d *decoder) take(text []byte) (*tick, error) {
	d.line = line{}
	l := &d.line
	if err := json.Unmarshal(text, l); err != nil {
		d.bad++
		return nil, nil
	}
	if l.Schema != nil && *l.Schema > schema {
		return nil, &SchemaError{*l.Schema}
	}
	switch l.Event {
	case "tick":
		return d.end(), nil
	case "gone":
		if id, ok := parseID(l.Conn); ok && len(d.next.Gone) < maxRows {
			d.next.Gone = append(d.next.Gone, id)
		}
		return nil, nil
	}
	var ended *tick
	if ts := text0(l.TS); !d.named && ts != d.ts {
		ended = d.flush()
		d.ts = ts
		d.next.clock = clockOf(ts)
	}
	if len(d.next.Rows) >= maxRows {
		d.next.Loss.RowsFull++
		return ended, nil
	}
	r, err := d.row()
	if err != nil {
		d.bad++
		return ended, nil
	}
	d.next.Rows = append(d.next.Rows, r)
	d.next.Origin = d.words.origin[l.Source]
	return ended, nil
}

// end is the tick that its own line ends.
func (d *decoder) end() *tick {
	l, full := &d.line, d.next.Loss.RowsFull
	d.named = true
	t := d.next
	t.ended, t.clock, t.First = true, l.Mono, l.First
	t.Origin, t.Version = d.words.origin[l.Source], cut(l.Version)
	t.NotShown = l.Unseen
	t.Loss = loss(l.Losses)
	t.Loss.RowsFull += full
	t.Faults, t.missing = texts(l.Faults), texts(l.Missing)
	d.next = tick{}
	return d.stamp(&t)
}

// flush is the tick so far, nil where there is none: an older tcptop is silent until the next.
func (d *decoder) flush() *tick {
	if d.named || d.ts == "" {
		return nil
	}
	t := d.next
	t.Full, t.First = true, !d.begun
	d.next, d.ts = tick{}, ""
	return d.stamp(&t)
}

// stamp makes the times of rows, which are ages so far, times by the host's clock.
func (d *decoder) stamp(t *tick) *tick {
	d.begun = true
	for i := range t.Rows {
		r := &t.Rows[i]
		r.Sampled = t.clock
		if r.LastActive != 0 {
			r.LastActive = t.clock - (r.LastActive - 1)
		}
		if r.Opened != 0 {
			end := t.clock
			if ended(r) && r.LastActive != 0 {
				end = r.LastActive
			}
			r.Opened = end - (r.Opened - 1)
		}
	}
	return t
}

func ended(r *table.Row) bool { return r.Event == conn.EventClose || r.Event == conn.EventFail }

// since is an age as stamp takes it: 0 is not known.
func since(ms *int64) int64 {
	if ms == nil || *ms < 0 || *ms > int64(100*365*24*time.Hour/time.Millisecond) {
		return 0
	}
	return *ms*int64(time.Millisecond) + 1
}

// clockOf is a time of day in ns; 0 where it is none.
func clockOf(ts string) int64 {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return 0
	}
	return t.UnixNano()
}

func text0(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// parseID reads the text form of an id.
func parseID(s string) (id conn.ID, ok bool) {
	cookie, serial, dashed := strings.Cut(s, "-")
	var err error
	if id.Cookie, err = strconv.ParseUint(cookie, 16, 64); err != nil || len(s) > 40 {
		return conn.ID{}, false
	}
	switch {
	case !dashed:
	case serial == "tw":
		id.Serial = conn.TimeWaitSerial
	default:
		if id.Serial, err = strconv.ParseUint(serial, 16, 64); err != nil {
			return conn.ID{}, false
		}
	}
	return id, id != conn.ID{}
}

func parseAddr(s string) (conn.Addr, bool) {
	if len(s) > 64 {
		return conn.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return conn.Addr{}, false
	}
	return conn.AddrFrom(a), true
}

// cut bounds a text.
func cut(s string) string { return cutTo(s, maxText) }

func cutTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.Clone(s[:n])
}

func texts(all []string) []string {
	var list []string
	for _, s := range all[:min(len(all), maxList)] {
		list = append(list, cut(s))
	}
	return list
}
