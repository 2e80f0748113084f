package kernel

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tcptop/internal/conn"
	"tcptop/internal/table"
	"tcptop/internal/testkit"
)

// TestStates brings up every state there is and compares with ss, for a probe that
// saw them come and for one that did not.
func TestStates(t *testing.T) {
	testkit.Tools(t, "ss")
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprintf("before=%v", before), func(t *testing.T) {
			ns := testkit.NetNS(t)
			var w *watcher
			if before {
				w = watch(t, conn.Config{TCP: true})
			}
			load := testkit.Start(t, ns, "states")
			truths := load.Ready()
			if !before {
				w = watch(t, conn.Config{TCP: true})
			}
			w.until(patience, func(s *seen) error {
				out, err := ns.Command("ss", "-tanH").Output()
				if err != nil {
					t.Fatalf("ss: %v", err)
				}
				if err := sameStates(in(ns, s.live), parseStates(t, out)); err != nil {
					return err
				}
				if err := ownStates(in(ns, s.live), truths); err != nil || !before {
					return err
				}
				return lingering(in(ns, s.live), load.PID())
			})
			load.Finish()
		})
	}
}

// state is a socket as ss lists it.
type state struct {
	local, remote string
	name          string
}

// stateNames are those that ss prints in another form than its own filter takes.
var stateNames = map[string]string{"ESTAB": "established", "UNCONN": "closed"}

// parseStates reads the output of ss -tanH.
func parseStates(t *testing.T, out []byte) (states []state) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		name, known := stateNames[f[0]]
		if !known {
			name = strings.ToLower(f[0])
		}
		states = append(states, state{ssAddr(t, f[3]), ssAddr(t, f[4]), name})
	}
	return states
}

// ssAddr is an address as ss prints it in our form: v4-mapped as v4, any as [::].
func ssAddr(t *testing.T, s string) string {
	t.Helper()
	if strings.HasSuffix(s, ":*") {
		return "*"
	}
	a, err := netip.ParseAddrPort(strings.Replace(s, "*:", "[::]:", 1))
	if err != nil {
		t.Fatalf("ss printed the address %q: %v", s, err)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
}

func rowState(r *table.Row) state {
	s := state{
		local:  netip.AddrPortFrom(r.Laddr.Netip(), r.Lport).String(),
		remote: netip.AddrPortFrom(r.Raddr.Netip(), r.Rport).String(),
		name:   r.State.String(),
	}
	if r.State == conn.Listen {
		s.remote = "*"
	}
	return s
}

func sameStates(rows []table.Row, want []state) error {
	var got []state
	for i := range rows {
		if rows[i].Event != conn.EventClose {
			got = append(got, rowState(&rows[i]))
		}
	}
	less := func(a, b state) bool { return fmt.Sprint(a) < fmt.Sprint(b) }
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(state{}), cmpopts.SortSlices(less)); diff != "" {
		return fmt.Errorf("states (-ss +rows):\n%s", diff)
	}
	return nil
}

// ownStates requires the state and the owner of every socket of the workload. One
// that no process holds has no owner, or that of its listener or its former self.
func ownStates(rows []table.Row, truths []testkit.Truth) error {
	byState := map[state]table.Row{}
	for _, r := range rows {
		byState[rowState(&r)] = r
	}
	for i := range truths {
		want := &truths[i]
		s := state{want.Local().String(), want.Remote().String(), want.State}
		if want.State == "listen" {
			s.remote = "*"
		}
		r, ok := byState[s]
		if !ok {
			return fmt.Errorf("no row for %v", s)
		}
		if want.PID != 0 && (int(r.Owner.PID) != want.PID || r.Owner.Comm.String() != want.Comm) {
			return fmt.Errorf("%v: owner %d %v, truth is %d %s", s, r.Owner.PID, r.Owner.Comm, want.PID, want.Comm)
		}
		if want.Cookie != "" && r.ID.String() != want.Cookie {
			return fmt.Errorf("%v: conn %v, cookie is %s", s, r.ID, want.Cookie)
		}
	}
	return nil
}

// lingering requires that time-wait sockets, which no process holds, keep the owner
// of their connection.
func lingering(rows []table.Row, pid int) error {
	for _, r := range rows {
		if r.State == conn.TimeWait && int(r.Owner.PID) != pid {
			return fmt.Errorf("%v: owner %d, its connection was of %d", rowState(&r), r.Owner.PID, pid)
		}
	}
	return nil
}
