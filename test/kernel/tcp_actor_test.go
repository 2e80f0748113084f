package kernel

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// actor is a process that does with sockets what it is told (test/load/actor.go).
type actor struct {
	t     *testing.T
	ns    *testkit.NS
	name  string
	pid   int
	cmd   *testkit.Cmd // nil for an actor's child
	conn  net.Conn
	lines *bufio.Reader
}

// act starts an actor; its name is its comm.
func act(t *testing.T, ns *testkit.NS, name string) *actor {
	t.Helper()
	c := ns.Command(testkit.Load(t), "actor", name)
	c.Stderr = t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return (&actor{t: t, ns: ns, name: name, pid: c.Process.Pid, cmd: c}).meet()
}

// actAs starts an actor that has the pid of a process that has ended, nil if somebody else has it.
func actAs(t *testing.T, ns *testkit.NS, name string, pid int) *actor {
	t.Helper()
	for range 10 {
		// The next fork anywhere on the host takes the number after it (pid_namespaces(7)).
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Fatal(err)
		}
		a := act(t, ns, name)
		if a.pid == pid {
			return a
		}
		a.leave()
	}
	return nil
}

// meet reaches the actor once it hears.
func (a *actor) meet() *actor {
	a.t.Helper()
	testkit.Eventually(a.t, patience, func() (err error) {
		a.ns.Do(func() { a.conn, err = net.Dial("unix", "@tcptop-actor-"+a.name) })
		return err
	})
	a.t.Cleanup(func() { _ = a.conn.Close() })
	a.lines = bufio.NewReader(a.conn)
	return a
}

// tell has the actor do something and returns what it says.
func (a *actor) tell(format string, args ...any) string {
	a.t.Helper()
	line := fmt.Sprintf(format, args...)
	if err := a.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		a.t.Fatal(err)
	}
	if _, err := fmt.Fprintln(a.conn, line); err != nil {
		a.t.Fatalf("%s: %s: %v", a.name, line, err)
	}
	said, err := a.lines.ReadString('\n')
	said = strings.TrimSuffix(said, "\n")
	if err != nil || strings.HasPrefix(said, "error") {
		a.t.Fatalf("%s: %s: %s %v", a.name, line, said, err)
	}
	return said
}

// spawn starts a child of the actor that inherits sockets.
func (a *actor) spawn(name string, sockets ...string) *actor {
	a.t.Helper()
	pid, err := strconv.Atoi(a.tell("spawn %s %s", name, strings.Join(sockets, " ")))
	if err != nil {
		a.t.Fatal(err)
	}
	child := &actor{t: a.t, ns: a.ns, name: name, pid: pid}
	a.t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
	return child.meet()
}

// become runs another program in the actor's process, which keeps sockets.
func (a *actor) become(name string, sockets ...string) *actor {
	a.t.Helper()
	if _, err := fmt.Fprintln(a.conn, "become", name, strings.Join(sockets, " ")); err != nil {
		a.t.Fatal(err)
	}
	return (&actor{t: a.t, ns: a.ns, name: name, pid: a.pid}).meet()
}

// exit ends the process.
func (a *actor) exit() {
	a.t.Helper()
	if _, err := fmt.Fprintln(a.conn, "exit"); err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.lines.ReadString('\n'); err == nil {
		a.t.Fatalf("%s did not exit", a.name)
	}
}

// leave ends the process and gives its pid back.
func (a *actor) leave() {
	a.t.Helper()
	a.exit()
	_, _ = a.cmd.Process.Wait() // not for its output, which a child may go on with
}

// truth is what the actor says of one of its sockets and of itself.
func (a *actor) truth(socket, dir string) testkit.Truth {
	a.t.Helper()
	var rec testkit.Truth
	if err := json.Unmarshal([]byte(a.tell("truth %s %s", socket, dir)), &rec); err != nil {
		a.t.Fatal(err)
	}
	return rec
}

// join connects client to server's new listener, blocking: sockets c and s.
func join(client, server *actor) {
	client.t.Helper()
	port := server.tell("listen l tcp")
	client.tell("connect c %s blocking", port)
	server.tell("accept s l blocking")
	server.tell("close l")
}
