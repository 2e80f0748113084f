package conn

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// OwnerTotal sums the connections and UDP flows that have no row, by owner and remote. PID is 0
// where no process context was seen; then user and cgroup, which the socket itself
// knows, still tell whose they were.
type OwnerTotal struct {
	PID    uint32
	Comm   Name
	UID    uint32 // NoUID: of owners that there was no room to tell apart
	Cgroup uint64
	Proto  Proto
	Raddr  Addr // zero where it is not known, or there is none

	Conns            uint64 // ended since tcptop started, without a last row
	Datagrams        uint64 // came and went since then in UDP flows that had no row
	RxBytes, TxBytes uint64 // what these carried

	Open           uint64 // are open and have no row now
	OpenRx, OpenTx uint64 // what these have carried so far, as far as that is measured
}

// NoUID is no user's (INVALID_UID, include/linux/uidgid.h).
const NoUID uint32 = math.MaxUint32

// TotalOf is what c is summed by.
func TotalOf(c *Conn) OwnerTotal {
	t := OwnerTotal{PID: c.Owner.PID, Comm: c.Owner.Comm, UID: c.UID, Cgroup: c.Cgroup, Proto: c.Proto}
	if c.Has&HasRaddr != 0 {
		t.Raddr = c.Raddr
	}
	return t
}

// By is what t is summed by, without the sums.
func (t *OwnerTotal) By() OwnerTotal {
	return OwnerTotal{PID: t.PID, Comm: t.Comm, UID: t.UID, Cgroup: t.Cgroup, Proto: t.Proto, Raddr: t.Raddr}
}

// maxTotals bounds the sums with a remote, and those without one: an owner keeps its own
// however many remotes there are.
const maxTotals = 4096

// Totals are sums by owner and remote, each in a place of its own. The zero value has none.
type Totals struct {
	all     []OwnerTotal
	index   map[OwnerTotal]int
	vacant  []int
	remotes int  // of those in index
	whole   bool // no bound: what is summed is bounded
}

// Place is where connections of that owner and remote are summed: beyond the bound with
// those of the owner's other remotes, or of other owners.
func (t *Totals) Place(of OwnerTotal) int {
	of = of.By()
	i, known := t.index[of]
	if !known && !t.whole && of.Raddr != (Addr{}) && t.remotes >= maxTotals {
		of.Raddr = Addr{}
		i, known = t.index[of]
	}
	if !known && !t.whole && of.Raddr == (Addr{}) && len(t.index)-t.remotes >= maxTotals {
		of = OwnerTotal{UID: NoUID}
		i, known = t.index[of]
	}
	if known {
		return i
	}
	if t.index == nil {
		t.index = make(map[OwnerTotal]int)
	}
	if n := len(t.vacant); n > 0 {
		i, t.vacant = t.vacant[n-1], t.vacant[:n-1]
		t.all[i] = of
	} else {
		i = len(t.all)
		t.all = append(t.all, of)
	}
	if of.Raddr != (Addr{}) {
		t.remotes++
	}
	t.index[of] = i
	return i
}

// At is the sum in a place.
func (t *Totals) At(place int) *OwnerTotal { return &t.all[place] }

// Add adds sums to those of the same owner and remote.
func (t *Totals) Add(x *OwnerTotal) { t.At(t.Place(*x)).Add(x) }

// Add adds x's sums to those of t.
func (t *OwnerTotal) Add(x *OwnerTotal) {
	t.Conns += x.Conns
	t.Datagrams += x.Datagrams
	t.RxBytes += x.RxBytes
	t.TxBytes += x.TxBytes
	t.Open += x.Open
	t.OpenRx += x.OpenRx
	t.OpenTx += x.OpenTx
}

// any reports whether t sums anything.
func (t *OwnerTotal) any() bool { return t.Conns|t.Datagrams|t.Open > 0 }

// Leave gives a place back in which nothing is left.
func (t *Totals) Leave(place int) {
	s := &t.all[place]
	if s.any() {
		return
	}
	if s.Raddr != (Addr{}) {
		t.remotes--
	}
	delete(t.index, s.By())
	t.vacant = append(t.vacant, place)
}

// Clear drops all sums.
func (t *Totals) Clear() {
	clear(t.index)
	t.all, t.vacant, t.remotes = t.all[:0], t.vacant[:0], 0
}

// Append appends the sums to dst.
func (t *Totals) Append(dst []OwnerTotal) []OwnerTotal {
	for i := range t.all {
		if s := &t.all[i]; s.any() {
			dst = append(dst, *s)
		}
	}
	return dst
}

// SumTotals adds lists up, which are bounded each for itself.
func SumTotals(lists ...[]OwnerTotal) []OwnerTotal {
	sum := Totals{whole: true}
	for _, list := range lists {
		for i := range list {
			sum.Add(&list[i])
		}
	}
	return sum.Append(nil)
}

// ByOwner sums over remotes and returns the largest sums first: most connections, then bytes.
func ByOwner(all []OwnerTotal) []OwnerTotal {
	return sumBy(all, func(t *OwnerTotal) { t.Proto, t.Raddr = 0, Addr{} })
}

// ByRemote sums over owners, likewise. The zero address is of those whose remote is not known.
func ByRemote(all []OwnerTotal) []OwnerTotal {
	return sumBy(all, func(t *OwnerTotal) { t.PID, t.Comm, t.UID, t.Cgroup, t.Proto = 0, Name{}, 0, 0, 0 })
}

func sumBy(all []OwnerTotal, forget func(*OwnerTotal)) []OwnerTotal {
	sum := Totals{whole: true}
	for i := range all {
		t := all[i]
		forget(&t)
		sum.Add(&t)
	}
	list := sum.Append(nil)
	slices.SortFunc(list, func(a, b OwnerTotal) int {
		return cmp.Or(cmp.Compare(b.Conns+b.Open, a.Conns+a.Open), cmp.Compare(b.bytes(), a.bytes()),
			cmp.Compare(a.PID, b.PID), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Cgroup, b.Cgroup), bytes.Compare(a.Comm[:], b.Comm[:]), bytes.Compare(a.Raddr[:], b.Raddr[:]))
	})
	return list
}

func (t *OwnerTotal) bytes() uint64 { return t.RxBytes + t.TxBytes + t.OpenRx + t.OpenTx }
