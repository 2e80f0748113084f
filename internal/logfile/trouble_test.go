package logfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/testkit"
)

func nothing() *conn.Sample {
	return &conn.Sample{Time: began, Mono: 1, Host: "h", Origin: conn.FromBPF}
}

// tmpfs is a file system of a few pages.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	testkit.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// wholeLines fails unless text is a header and the lines of some ticks, in order.
func wholeLines(t *testing.T, text string) (ticks int) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	if lines[0] != header || lines[len(lines)-1] != "" {
		t.Fatalf("begins with %q and ends with %q", lines[0], lines[len(lines)-1])
	}
	last := -1
	for _, l := range lines[1 : len(lines)-1] {
		n := last
		for ; n < last+1_000_000; n++ {
			if l == line(n, 1) || l == line(n, 2) {
				break
			}
		}
		if n > last {
			ticks++
		}
		last = n
	}
	return ticks
}

func TestFullDisk(t *testing.T) {
	for _, ext := range extensions() {
		t.Run("csv"+ext, func(t *testing.T) {
			dir := tmpfs(t, "64k")
			path, filler := filepath.Join(dir, "x.csv"+ext), filepath.Join(dir, "filler")
			write(t, filler, make([]byte, 60<<10))
			l, h := mustOpen(t, config(t, path)), newHost()
			for l.Status().Missing < 3 {
				h.put(t, l, 1)
			}
			if err := l.Status().Err; !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v", err)
			}
			n := wholeLines(t, text(t, path))
			if n == 0 || n+int(l.Status().Missing) != h.n {
				t.Errorf("%d ticks, %d are in the file", h.n, n)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			h.put(t, l, calm)
			if got := wholeLines(t, text(t, path)); got != n+calm {
				t.Errorf("%d ticks, want %d and %d", got, n, calm)
			}
			if s := l.Status(); s.Err != nil || s.Missing != 3 {
				t.Errorf("%+v", s)
			}
			l.Close(context.Background(), time.Second)
			if said := l.News(); !slices.Equal(said, []string{"no space left on device; what is not written is counted",
				"written again; 3 ticks are missing", "3 ticks are missing in all"}) {
				t.Errorf("%q", said)
			}
		})
	}
}

// A disk that is read-only from the start, or becomes so, is waited for.
func TestReadOnly(t *testing.T) {
	dir := tmpfs(t, "1m")
	remount := func(flags uintptr) {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "x.csv")
	remount(unix.MS_RDONLY)
	l, h := mustOpen(t, config(t, path)), newHost()
	if s := l.Status(); !errors.Is(s.Err, syscall.EROFS) {
		t.Errorf("%+v", s)
	}
	h.put(t, l, 2)
	remount(0)
	h.put(t, l, calm)
	want(t, path, header+both(2, 1+calm))
	if s := l.Status(); s.Err != nil || s.Missing != 2 {
		t.Errorf("%+v", s)
	}
}

// Removed, moved away as logrotate does, or emptied: it goes on where the path is.
func TestVanishes(t *testing.T) {
	for name, vanish := range map[string]func(path string) error{
		"removed": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"other": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte(header), 0o600))
		},
	} {
		path := filepath.Join(t.TempDir(), "x.csv")
		l, h := mustOpen(t, config(t, path)), newHost()
		h.put(t, l, 2)
		if err := vanish(path); err != nil {
			t.Fatal(err)
		}
		h.put(t, l, 2)
		want(t, path, header+both(2, 3))
		if s := l.Status(); s != (Status{}) || len(l.News()) != 1 {
			t.Errorf("%s: %+v", name, s)
		}
		if old, err := os.ReadFile(path + ".old"); err == nil && string(old) != header+both(0, 1) {
			t.Errorf("%s: %s", name, old)
		}
	}
}

// stuffed is a disk that takes nothing until somebody reads from it.
type stuffed struct {
	fd     int
	got    []byte
	before int // bytes in front of what the log writes
}

func stuff(t *testing.T) (*Log, *stuffed) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &stuffed{fd: fd}
	t.Cleanup(func() { _ = unix.Close(fd) })
	for {
		n, err := unix.Write(fd, make([]byte, 1<<12))
		if errors.Is(err, unix.EAGAIN) {
			return mustOpen(t, config(t, path)), d
		}
		if err != nil {
			t.Fatal(err)
		}
		d.before += n
	}
}

// drain reads what is there.
func (d *stuffed) drain(t *testing.T) {
	t.Helper()
	for buf := make([]byte, 1<<16); ; {
		n, err := unix.Read(d.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		d.got = append(d.got, buf[:n]...)
	}
}

// Nobody waits for a disk that takes nothing; what it would not take is counted, and
// when it takes something again the log goes on.
func TestSlowDisk(t *testing.T) {
	l, disk := stuff(t)
	h := newHost()
	for range maxWaiting + 51 {
		l.Put(h.tick())
	}
	if s := l.Status(); !errors.Is(s.Err, errSlow) || s.Missing != 50 && s.Missing != 51 {
		t.Errorf("%+v", s)
	}
	testkit.Eventually(t, deadline, func() error {
		disk.drain(t)
		if s := l.Status(); s.Err != nil {
			return s.Err
		}
		if n := l.rows.Load(); n > 0 {
			return fmt.Errorf("%d rows wait", n)
		}
		return nil
	})
	l.Put(h.tick())
	l.settle(t)
	disk.drain(t)
	if n := wholeLines(t, string(disk.got[disk.before:])); n+int(l.Status().Missing) != h.n {
		t.Errorf("%d ticks, %d were read, %d are missing", h.n, n, l.Status().Missing)
	}
}

// The end does not wait for a disk either.
func TestCloseGivesUp(t *testing.T) {
	l, disk := stuff(t)
	h := newHost()
	for range maxWaiting + 1 {
		l.Put(h.tick())
	}
	l.Close(ended(), time.Millisecond)
	if n := l.Status().Missing; n != maxWaiting+1 {
		t.Errorf("%d ticks are missing, want %d", n, maxWaiting+1)
	}
	if said := l.News(); said[len(said)-1] != fmt.Sprintf("%d ticks are missing in all", maxWaiting+1) {
		t.Errorf("%q", said)
	}
	testkit.Eventually(t, deadline, func() error { // lets the writer go
		disk.drain(t)
		select {
		case <-l.done:
			return nil
		default:
			return errors.New("the writer has not ended")
		}
	})
}

func TestBoundedRows(t *testing.T) {
	l := mustOpen(t, config(t, filepath.Join(t.TempDir(), "x.csv")))
	l.rows.Add(maxWaitingRows) // as if so many waited
	l.Put(newHost().tick())
	if n := l.Status().Missing; n != 1 {
		t.Errorf("%d ticks are missing", n)
	}
	l.rows.Add(-maxWaitingRows)
}
