package diag

import (
	"testing"

	"tcptop/internal/conn"
)

func process(pid, start uint32, comm string) conn.Owner {
	return conn.Owner{PID: pid, Start: start, Comm: conn.MakeName(comm), Source: conn.OwnerProc}
}

// TestBestHolder is who of those that hold a socket is its owner.
func TestBestHolder(t *testing.T) {
	sshd, session := process(10, 100, "sshd"), process(20, 200, "sshd-session")
	manager, web, worker := process(1, 1, "systemd"), process(30, 300, "web"), process(31, 310, "web")
	renamed := sshd
	renamed.Comm = conn.MakeName("sshd: listener")
	reused := process(10, 500, "other")
	for _, c := range []struct {
		name   string
		before conn.Owner
		holds  []conn.Owner
		want   conn.Owner
		n      uint16
	}{
		{"nobody", sshd, nil, conn.Owner{}, 0},
		{"its owner", sshd, []conn.Owner{sshd}, sshd, 1},
		{"its owner, by two files", sshd, []conn.Owner{sshd, sshd}, sshd, 1},
		{"its owner runs another program", sshd, []conn.Owner{renamed}, renamed, 1},
		{"both", sshd, []conn.Owner{sshd, session}, sshd, 2},
		{"the child alone", sshd, []conn.Owner{session}, session, 1},
		{"whoever got its pid", sshd, []conn.Owner{reused}, reused, 1},
		{"nobody's yet, the oldest of two", conn.Owner{}, []conn.Owner{worker, web}, web, 2},
		{"systemd's, as long as nobody else has it", manager, []conn.Owner{manager}, manager, 1},
		{"from systemd to the service", manager, []conn.Owner{manager, worker, web}, web, 3},
		{"the service's, which systemd keeps", web, []conn.Owner{manager, web}, web, 2},
		{"back to systemd", web, []conn.Owner{manager}, manager, 1},
	} {
		h := holding{owner: c.before}
		for _, o := range c.holds {
			h.add(o)
		}
		if got := h.best(); got != c.want || h.n != c.n {
			t.Errorf("%s: %+v of %d, want %+v of %d", c.name, got, h.n, c.want, c.n)
		}
	}
}
