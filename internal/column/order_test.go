package column_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func orderRows() []*table.Row {
	rows := []*table.Row{
		{Conn: conn.Conn{Has: math.MaxUint16, RTT: 30, Owner: conn.Owner{PID: 1, Comm: conn.MakeName("b")},
			Raddr: conn.AddrFrom(netip.MustParseAddr("10.0.0.9"))}},
		{Conn: conn.Conn{}}, // nothing known
		{Conn: conn.Conn{Has: math.MaxUint16, RTT: 10, Owner: conn.Owner{PID: 1, Comm: conn.MakeName("c")},
			Raddr: conn.AddrFrom(netip.MustParseAddr("10.0.0.10"))}},
		{Conn: conn.Conn{Has: math.MaxUint16, RTT: 10, Owner: conn.Owner{PID: 1, Comm: conn.MakeName("a")},
			Raddr: conn.AddrFrom(netip.MustParseAddr("::1"))}},
	}
	for i, r := range rows {
		r.ID.Cookie = uint64(i + 1)
	}
	return rows
}

func TestCompare(t *testing.T) {
	l := column.New()
	for sort, want := range map[string][]uint64{
		"rtt":    {3, 4, 1, 2},
		"-rtt":   {1, 3, 4, 2}, // missing is last either way, ties by connection
		"comm":   {4, 1, 3, 2},
		"-comm":  {3, 1, 4, 2},
		"raddr":  {1, 3, 4, 2}, // by number, IPv4 before IPv6
		"-raddr": {4, 3, 1, 2},
		"iface":  {1, 2, 3, 4},
	} {
		o, err := l.ParseSort(sort)
		if err != nil {
			t.Fatal(err)
		}
		rows := orderRows()
		slices.SortFunc(rows, o.Compare(&table.Snapshot{}))
		var got []uint64
		for _, r := range rows {
			got = append(got, r.ID.Cookie)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", sort, got, want)
		}
	}
}

// TestSort sorts rows with few different values by every field as its comparison does.
func TestSort(t *testing.T) {
	l, rng, s := column.New(), rand.New(rand.NewPCG(1, 1)), &table.Snapshot{Mono: 5e9}
	var rows []*table.Row
	for range 300 {
		small := func() uint64 { return []uint64{0, 1, 2, math.MaxUint64}[rng.IntN(4)] }
		rows = append(rows, &table.Row{RxRate: small(), TxRate: small() / 2, Conn: conn.Conn{
			ID:  conn.ID{Cookie: small(), Serial: small(), Host: uint16(rng.IntN(2))},
			Has: conn.Has(rng.IntN(math.MaxUint16)), RTT: uint32(small()), RxBytes: small(), Opened: int64(small() / 2), UID: uint32(small()),
			Owner: conn.Owner{PID: uint32(small()), Comm: conn.MakeName(string(rune('a' + rng.IntN(3))))},
		}})
	}
	for _, c := range l.All() {
		for _, desc := range []bool{false, true} {
			o := column.Order{Column: &c, Desc: desc}
			want, got := slices.Clone(rows), slices.Clone(rows)
			slices.SortFunc(want, o.Compare(s))
			o.Sort(s, got)
			for i := range want {
				if want[i].ID != got[i].ID {
					t.Errorf("%v: place %d has %v, want %v", o, i, got[i].ID, want[i].ID)
					break
				}
			}
		}
	}
}

func TestCompareDoesNotAllocate(t *testing.T) {
	rows := orderRows()
	for _, name := range []string{"rtt", "comm", "raddr"} {
		o, err := column.New().ParseSort(name)
		if err != nil {
			t.Fatal(err)
		}
		compare := o.Compare(&table.Snapshot{})
		if n := testing.AllocsPerRun(100, func() { compare(rows[0], rows[2]) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestParseSort(t *testing.T) {
	o, err := column.New().ParseSort("-rtt")
	if err != nil || o.String() != "-rtt_us" {
		t.Errorf("-rtt: %v, %v", o, err)
	}
	_, err = column.New().ParseSort("-ratee")
	var fe *column.FieldError
	if !errors.As(err, &fe) || fe.Col != 2 || fe.Hint != "did you mean rate?" {
		t.Errorf("-ratee: %#v", err)
	}
	if _, err := column.New().ParseSort("-"); err == nil {
		t.Error("no error for a lone minus")
	}
}

func BenchmarkCompare(b *testing.B) {
	rows := orderRows()
	for _, name := range []string{"rtt", "comm", "raddr"} {
		b.Run(name, func(b *testing.B) {
			o, err := column.New().ParseSort(name)
			if err != nil {
				b.Fatal(err)
			}
			compare := o.Compare(&table.Snapshot{})
			b.ReportAllocs()
			for b.Loop() {
				compare(rows[0], rows[2])
			}
		})
	}
}
