package diag

import (
	"testing"

	"tcptop/internal/conn"
)

// TestDoubt asks again where something was received, unless the state has the FIN.
func TestDoubt(t *testing.T) {
	h := newHost(100)
	a, b := connection(1), connection(2)
	b.info[0] = uint8(conn.CloseWait)
	doubts := func(want int, what string) {
		t.Helper()
		h.tick(conn.TCP, a, b, a)
		if len(h.sp.doubts) != want {
			t.Errorf("%s: %d doubts, want %d", what, len(h.sp.doubts), want)
		}
		for i := range h.sp.rows {
			h.sp.rows[i].doubted = false
		}
		h.sp.doubts = h.sp.doubts[:0]
	}
	doubts(1, "new")
	doubts(0, "nothing came")
	set64(a.info, infoSent, 20_000)
	doubts(0, "sent")
	set64(a.info, infoReceived, 2_001)
	set64(b.info, infoReceived, 2_001)
	doubts(1, "received")
}

// TestJudge has what a second look at a connection tells of the 2000 bytes of the first.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		again *fake // nil: it is not there
		want  uint64
	}{
		{"still open", connection(1), 2_000},
		{"gone", nil, 1_999},
		{"time-wait", small(1, conn.TimeWait), 1_999},
		{"fin-wait-2 without a process", small(1, conn.FinWait2), 2_000},
		{"the FIN came with more", closing(2_101), 2_100},
		{"the FIN came", closing(2_000), 1_999},
	} {
		h := newHost(100)
		h.tick(conn.TCP, connection(1))
		found := c.again != nil && h.second.decode(c.again.bytes(), conn.TCP, 4711)
		e := &h.sp.rows[0]
		h.judge(e, found)
		if e.RxBytes != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, e.RxBytes, c.want)
		}
	}
}

// closing is a connection whose peer has sent its FIN.
func closing(received uint64) *fake {
	f := connection(1)
	f.info[0] = uint8(conn.CloseWait)
	set64(f.info, infoReceived, received)
	return f
}
