package kernel

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

// foreignPort says to TestDiagUser that it is run by itself, without rights, and where
// another user listens.
const foreignPort = "TCPTOP_TEST_FOREIGN_PORT"

// TestDiagUser runs the collector as a user without any rights.
func TestDiagUser(t *testing.T) {
	if port := os.Getenv(foreignPort); port != "" {
		asUser(t, port)
		return
	}
	ns := testkit.NetNS(t)
	elsewhere := testkit.NetNS(t)
	testkit.Start(t, elsewhere, "idle", "-n", "1").Ready()
	l := listen(t, ns, 0, 4)
	// By the link to itself: nobody may not walk to where the test binary lies.
	c := ns.Command("/proc/self/exe", "-test.run=^TestDiagUser$", "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%d", foreignPort, l.port()))
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDiagUser") {
		t.Errorf("%v\n%s", err, out)
	}
}

// asUser is the part of TestDiagUser that has no rights.
func asUser(t *testing.T, port string) {
	foreign, err := strconv.ParseUint(port, 10, 16)
	must(t, err)
	own, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer own.Close()
	d := openDiag(t, conn.Config{})
	missing := strings.Join(d.Missing(), "\n")
	for _, word := range []string{"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "UDP", "shorter than a tick"} {
		if !strings.Contains(missing, word) {
			t.Errorf("%s is not in what is missing: %s", word, missing)
		}
	}
	rows := map[uint16]conn.Conn{}
	for s, err := range d.Samples(context.Background()) {
		must(t, err)
		for _, c := range s.Conns {
			rows[c.Lport] = c
		}
		break
	}
	ours := uint16(own.Addr().(*net.TCPAddr).Port)
	mine, theirs := rows[ours], rows[uint16(foreign)]
	if mine.Owner.PID != ownPID() || mine.Owner.Comm.String() != ownComm(t) || mine.UID != nobody || mine.State != conn.Listen {
		t.Errorf("own listener: %+v", mine)
	}
	if theirs.Owner != (conn.Owner{}) || theirs.UID != 0 || theirs.State != conn.Listen || theirs.BacklogMax != 4 {
		t.Errorf("another user's listener: %+v", theirs)
	}
	if len(rows) != 2 {
		t.Errorf("%d rows, two sockets are in this namespace: %+v", len(rows), rows)
	}
}
