package enrich

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"tcptop/internal/conn"
)

func TestLineage(t *testing.T) {
	self, err := procfs.NewProc(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	stat, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	owner := conn.Owner{PID: uint32(os.Getpid()), Start: uint32(stat.Starttime)}
	tasks, err := Lineage(owner)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := tasks[0]; got.PID != owner.PID || got.Exe != exe || got.Cmdline != strings.Join(os.Args, " ") {
		t.Errorf("itself: %+v", got)
	}
	if len(tasks) < 2 || tasks[1].PID != uint32(os.Getppid()) {
		t.Errorf("parent %d is not the second of %+v", os.Getppid(), tasks)
	}
	owner.Start += 5
	if tasks, err := Lineage(owner); err == nil {
		t.Errorf("another process with the pid: %+v", tasks)
	}
}

func TestLineageOfTheDead(t *testing.T) {
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	tasks, err := Lineage(conn.Owner{PID: uint32(c.Process.Pid), Start: 1})
	if err == nil {
		t.Errorf("%+v", tasks)
	}
}
