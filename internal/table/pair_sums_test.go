package table

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// truth is a connection of TestSumsOnce. Each end is told of by its host at ticks of its own.
type truth struct {
	port       uint16
	hosts      [2]int // client, server; -1 is nobody's
	bytes      uint64 // sent by the client
	closed     bool
	told       [2]bool   // this end has been
	last       [2]uint64 // and these bytes of it
	over       [2]bool   // its end has been
	opens, end int       // events seen
}

func (c *truth) row(i int, event conn.Event) Row {
	client, server := ends2(uint64(c.port), c.port, event)
	r := &client
	from := [2]int{c.hosts[0], c.hosts[1]}
	if i == 1 {
		r = &server
		from[0], from[1] = from[1], from[0]
	}
	r.Laddr[15], r.Raddr[15] = byte(100+from[0]), byte(100+from[1])
	r.TxBytes, r.RxBytes = c.bytes, 0
	if i == 1 {
		r.TxBytes, r.RxBytes = 0, c.bytes
	}
	return *r
}

// TestSumsOnce has connections between four hosts and others, of which each host tells one
// tick late or not: whatever is told, rows are the connections, their sum the bytes, each
// host's ends its own bytes, and a connection opens once and closes once.
func TestSumsOnce(t *testing.T) {
	const hosts = 4
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var names []string
		for i := range hosts {
			names = append(names, fmt.Sprint("h", i))
		}
		j := NewJoint(names, 0)
		live, port := map[uint16]*truth{}, uint16(1000)
		all := map[uint16]*truth{}
		late := [hosts]bool{}
		for tick := range int64(120) {
			for range rnd.IntN(4) {
				port++
				c := &truth{port: port, hosts: [2]int{rnd.IntN(hosts+1) - 1, rnd.IntN(hosts+1) - 1}}
				if c.hosts[0] != c.hosts[1] && tick < 100 {
					live[port], all[port] = c, c
				}
			}
			for _, c := range live {
				if !c.closed {
					c.bytes += uint64(rnd.IntN(1000))
					c.closed = rnd.IntN(8) == 0 || tick > 100
				}
			}
			for h := range hosts {
				if late[h] = !late[h] && rnd.IntN(3) == 0 && tick < 110; late[h] {
					continue
				}
				told := &Told{Mono: tick * 1e9}
				for _, c := range live {
					for i := range c.hosts {
						if c.hosts[i] != h || c.over[i] {
							continue
						}
						event := conn.EventSample
						switch {
						case c.closed:
							event, c.over[i] = conn.EventClose, true
						case !c.told[i]:
							event = conn.EventOpen
						}
						c.told[i], c.last[i] = true, c.bytes
						told.Rows = append(told.Rows, c.row(i, event))
					}
				}
				j.Apply(h, told)
			}
			s := j.Snapshot(time.Unix(tick, 0), tick*1e9)
			once := map[uint16]bool{}
			for r := range s.Rows() {
				port := max(r.Lport, r.Rport)
				if once[port] {
					t.Fatalf("seed %d, tick %d: connection %d is there twice", seed, tick, port)
				}
				once[port] = true
				c := all[port]
				switch r.Event {
				case conn.EventOpen:
					c.opens++
				case conn.EventClose:
					c.end++
				}
				if o := s.Other(r); o != nil && (o.Laddr != r.Raddr || o.Lport != r.Rport || r.Dir != conn.Out) {
					t.Fatalf("seed %d, tick %d: %v is the other end of %v", seed, tick, o, r)
				}
			}
			checkEnds(t, s, once, all)
			s.Release()
			for port, c := range live {
				if (c.over[0] || c.hosts[0] < 0) && (c.over[1] || c.hosts[1] < 0) {
					delete(live, port)
				}
			}
		}
		for port, c := range all {
			if seen := c.hosts[0] >= 0 || c.hosts[1] >= 0; c.opens > 1 || seen && c.end != 1 {
				t.Errorf("seed %d: connection %d opened %d times, closed %d times", seed, port, c.opens, c.end)
			}
		}
		if len(j.ends.heads)+len(j.ends.late)+j.t.shown > 0 {
			t.Errorf("seed %d: %d chains, %d late, %d rows are left", seed, len(j.ends.heads), len(j.ends.late), j.t.shown)
		}
	}
}

// checkEnds has each end once, a shown one for each connection, and all bytes of each host.
func checkEnds(t *testing.T, s *Snapshot, shown map[uint16]bool, all map[uint16]*truth) {
	t.Helper()
	type id struct {
		host uint16
		port uint16
	}
	seen := map[id]bool{}
	rows := 0
	var sum uint64
	for r, own := range s.Ends() {
		port := max(r.Lport, r.Rport)
		if seen[id{r.ID.Host, port}] {
			t.Fatalf("an end of %d is there twice", port)
		}
		seen[id{r.ID.Host, port}] = true
		c, i := all[port], 0
		if r.Dir == conn.In {
			i = 1
		}
		if int(r.ID.Host)-1 != c.hosts[i] || r.RxBytes+r.TxBytes != c.last[i] {
			t.Fatalf("end %d of connection %d: %d bytes of %d", i, port, r.RxBytes+r.TxBytes, c.last[i])
		}
		if own {
			rows++
			sum += c.last[i]
		} else if o := s.Other(r); o != nil && !shown[port] {
			t.Fatalf("connection %d has ends and no row", port)
		}
	}
	for port, c := range all {
		for i := range c.hosts {
			if c.told[i] && !c.over[i] && !seen[id{uint16(c.hosts[i] + 1), port}] {
				t.Fatalf("end %d of connection %d is not there", i, port)
			}
		}
		if !shown[port] {
			continue
		}
		if c.told[0] && (!c.over[0] || seen[id{uint16(c.hosts[0] + 1), port}]) {
			sum -= c.last[0]
		} else {
			sum -= c.last[1]
		}
	}
	if sum != 0 {
		t.Fatalf("the rows' sum is off by %d", int64(sum))
	}
	if rows != s.Len() {
		t.Fatalf("%d of %d rows", rows, s.Len())
	}
}

// BenchmarkPairs is a tick of four hosts of 65,536 connections each, all of them with one
// another, of which 2,000 moved and 500 are new on each; apart is the same without pairs.
func BenchmarkPairs(b *testing.B) {
	for _, apart := range []bool{true, false} {
		b.Run(fmt.Sprintf("apart=%v", apart), func(b *testing.B) {
			const rows, moved, fresh = 1 << 16, 2000, 500
			j := NewJoint([]string{"a", "b", "c", "d"}, rows+fresh)
			j.ends.apart = apart
			row := func(h, n int, event conn.Event) Row { // n of host h is n of host h^1
				r := end(uint64(n), byte(h), byte(h^1), uint16(n), 443, event)
				r.Dir, r.Laddr[13], r.Raddr[13] = conn.Out, byte(n>>16), byte(n>>16)
				if h&1 == 1 {
					r.Dir, r.Lport, r.Rport = conn.In, r.Rport, r.Lport
				}
				return r
			}
			for h := range 4 {
				told := &Told{First: true}
				for n := 1; n <= rows; n++ {
					if n&0xffff != 0 {
						told.Rows = append(told.Rows, row(h, n, conn.EventSample))
					}
				}
				j.Apply(h, told)
			}
			last := j.Snapshot(time.Unix(0, 0), 0)
			if want := map[bool]int{true: 4 * (rows - 1), false: 2 * (rows - 1)}[apart]; last.Len() != want {
				b.Fatalf("%d rows, want %d", last.Len(), want)
			}
			n, tick := rows, int64(0)
			b.ReportAllocs()
			for b.Loop() {
				tick++
				for h := range 4 {
					told := &Told{Mono: tick * 1e9}
					for i := range moved {
						told.Rows = append(told.Rows, row(h, 1+i*32, conn.EventSample))
					}
					for i := range fresh {
						told.Rows = append(told.Rows, row(h, n+1+i, conn.EventOpen))
						if n > rows {
							told.Gone = append(told.Gone, conn.ID{Cookie: uint64(n + 1 + i - fresh)})
						}
					}
					j.Apply(h, told)
				}
				n += fresh
				next := j.Snapshot(time.Unix(tick, 0), tick*1e9)
				last.Release()
				last = next
			}
		})
	}
}
