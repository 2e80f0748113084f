package diag

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

func TestSocketInode(t *testing.T) {
	for target, want := range map[string]uint32{
		"socket:[1]": 1, "socket:[4294967295]": 1<<32 - 1,
		"socket:[4294967296]": 0, "socket:[]": 0, "socket:[x]": 0, "socket:[-1]": 0, "socket:": 0, "": 0,
		"pipe:[17]": 0, "/tmp/socket:[7]": 0, "anon_inode:[eventpoll]": 0,
	} {
		if got, ok := socketInode([]byte(target)); got != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v", target, got, ok)
		}
	}
}

// TestHolders finds this process by a socket that it holds, and nobody for one that
// does not exist.
func TestHolders(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inode := inodeOf(t, l.(*net.TCPListener))
	var found []conn.Owner
	eachHolder(func(i uint32) bool { return i == inode || i == 0 }, func(i uint32, o conn.Owner) {
		if i != inode {
			t.Errorf("inode %d", i)
		}
		found = append(found, o)
	})
	if len(found) != 1 {
		t.Fatalf("found %+v", found)
	}
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	stat, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	want := conn.Owner{
		PID: uint32(os.Getpid()), Start: uint32(stat.Starttime), Comm: conn.MakeName(strings.TrimSpace(string(comm))), Source: conn.OwnerProc,
	}
	if found[0] != want {
		t.Errorf("owner %+v, want %+v", found[0], want)
	}
}

func inodeOf(t testing.TB, c *net.TCPListener) (inode uint32) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		var st unix.Stat_t
		if err := unix.Fstat(int(fd), &st); err != nil {
			t.Error(err)
		}
		inode = uint32(st.Ino)
	})
	if err != nil {
		t.Fatal(err)
	}
	return inode
}

// TestVanished looks at processes that are not there: nobody, and no error.
func TestVanished(t *testing.T) {
	if o := describe("4194305"); o != (conn.Owner{}) { // beyond the kernel's largest pid
		t.Errorf("owner %+v", o)
	}
	for inode := range sockets("/proc/4194305/fd") {
		t.Errorf("inode %d", inode)
	}
	for name := range numbered("/proc/4194305/task") {
		t.Errorf("thread %s", name)
	}
}

// TestSearch finds our own namespace once, and each other one by a way that leads to it.
func TestSearch(t *testing.T) {
	v := newSpaces()
	v.search(true)
	inodes := map[uint64]bool{}
	for i, sp := range v.all {
		if inodes[sp.inode] {
			t.Errorf("namespace %d twice", sp.inode)
		}
		inodes[sp.inode] = true
		if (sp.path == "") != (i == 0) {
			t.Errorf("namespace %d is %q", i, sp.path)
		}
	}
	own, err := namespaceInode("/proc/thread-self/ns/net")
	if err != nil || v.all[0].inode != own {
		t.Errorf("own namespace %d, want %d (%v)", v.all[0].inode, own, err)
	}
}
