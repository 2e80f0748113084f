package screen

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit"
)

// BenchmarkStart is how long a person looks at an empty terminal: from the start of
// the program to its first picture, and to the first tick on it.
func BenchmarkStart(b *testing.B) {
	testkit.Kernel(b)
	bin := build(b)
	var picture, tick time.Duration
	for b.Loop() {
		p, t := first(b, bin)
		picture += p
		tick += t
	}
	b.ReportMetric(float64(picture.Milliseconds())/float64(b.N), "ms-to-picture")
	b.ReportMetric(float64(tick.Milliseconds())/float64(b.N), "ms-to-tick")
	b.ReportMetric(0, "ns/op")
}

// first runs the program in a terminal of its own until its first tick is seen.
func first(b *testing.B, bin string) (picture, tick time.Duration) {
	master, slave := openTerminal(b)
	defer master.Close()
	c := exec.Command(bin, "--theme", "dark")
	c.Env = append(os.Environ(), "TERM=xterm-256color", "XDG_STATE_HOME="+b.TempDir())
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	if err := slave.Close(); err != nil {
		b.Fatal(err)
	}
	var seen []byte
	for buf := make([]byte, 64<<10); tick == 0; {
		n, err := master.Read(buf)
		if err != nil {
			b.Fatalf("%v after %q", err, seen)
		}
		seen = append(seen, buf[:n]...)
		if picture == 0 && bytes.Contains(seen, []byte("tcptop ")) {
			picture = time.Since(start)
		}
		if bytes.Contains(seen, []byte("every ")) {
			tick = time.Since(start)
		}
	}
	if _, err := master.WriteString("q"); err != nil {
		b.Fatal(err)
	}
	go func() { // what it still says must be read for it to end
		for buf := make([]byte, 4096); ; {
			if _, err := master.Read(buf); err != nil {
				return
			}
		}
	}()
	if err := c.Wait(); err != nil {
		b.Fatal(err)
	}
	return picture, tick
}

// openTerminal makes a pseudo terminal of 80 by 24 (pts(4)).
func openTerminal(b *testing.B) (master, slave *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		b.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		b.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		b.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		b.Fatal(err)
	}
	return master, slave
}
