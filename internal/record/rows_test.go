package record

import (
	"testing"
	"unsafe"

	"tcptop/internal/conn"
)

// TestDiffer has rows that differ in one member alone, wherever it is: it is found
// there and in what shares a word, and is written.
func TestDiffer(t *testing.T) {
	for m := range connMembers {
		for _, at := range []int{1, tileRows - 1, tileRows, tileRows + 1, 3 * tileRows} {
			rows := make([]conn.Conn, 3*tileRows+1)
			for i := range rows {
				rows[i].Lport, rows[i].MSS = 443, 1448
			}
			connMembers[m].set(&rows[at], 1)
			var v varying
			v.find(rows)
			for i := range connMembers {
				of, in := &connMembers[i], &connMembers[m]
				shares := of.from/wordSize <= (in.to-1)/wordSize && in.from/wordSize <= (of.to-1)/wordSize
				if found := v.of(of); found && !shares || i == m && !found {
					t.Errorf("%s differs in row %d, found in %s: %v", in.name, at, of.name, found)
				}
			}
			s := &conn.Sample{Time: start, Host: "testhost", Closed: rows}
			same(t, connMembers[m].name, s, decode(t, newDecoder(t, testHeader()), tick(newEncoder(t), s)))
		}
	}
}

// TestMembersAreApart fails where two members would be the same bytes of a connection.
func TestMembersAreApart(t *testing.T) {
	var whose [unsafe.Sizeof(conn.Conn{})]string
	for _, m := range connMembers {
		for at := m.from; at < m.to; at++ {
			if whose[at] != "" {
				t.Errorf("byte %d is of %s and %s", at, whose[at], m.name)
			}
			whose[at] = m.name
		}
	}
}

// TestCameAndWent ends connections of which nothing was known beside others that were, each
// of them also twice: all are told, and those that stay keep their slots.
func TestCameAndWent(t *testing.T) {
	h, e, d := busy(300), newEncoder(t), newDecoder(t, testHeader())
	s := &conn.Sample{Time: start, Host: "testhost", Conns: h.conns}
	same(t, "the first tick", s, decode(t, d, tick(e, s)))
	for n := range 5 {
		s = &conn.Sample{Time: start.Add(1), Host: "testhost"}
		for i := range 30 {
			s.Closed = append(s.Closed, h.open(), h.open(), h.conns[30*n+i])
		}
		s.Closed = append(s.Closed, s.Closed[:5]...)
		same(t, "with ends", s, decode(t, d, tick(e, s)))
		if e.Live() != 300-30*(n+1) || e.next != 300 {
			t.Errorf("%d connections are known, and %d slots", e.Live(), e.next)
		}
	}
	s = &conn.Sample{Time: start.Add(2), Host: "testhost", Conns: h.conns[150:]}
	for i := range s.Conns {
		h.move(&s.Conns[i])
	}
	same(t, "the last tick", s, decode(t, d, tick(e, s)))
	fresh := newDecoder(t, testHeader())
	decode(t, fresh, key(e, s))
	if fresh.live != 150 {
		t.Errorf("a key frame of %d connections, want 150", fresh.live)
	}
}
