package enrich

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"tcptop/internal/conn"
)

const (
	// maxCmdline is how much of a command line is kept, in bytes.
	maxCmdline = 4096
	// maxReaders bounds the goroutines that read: a process whose memory is locked keeps
	// the reader of its command line waiting (mmap_lock), and the others must not.
	maxReaders = 4
)

// read is what /proc says of a process.
type read struct {
	conn.Process
	comm conn.Name
	gone bool // there is no such process
}

// procReader reads processes in the background, in goroutines that end when nothing is
// left to read.
type procReader struct {
	mu      sync.Mutex
	todo    []process
	done    map[process]read
	readers int
	idle    chan struct{} // closed when all is read; nil where somebody reads nothing
}

// ask has a process read. What it has asked for, its caller does not ask for again
// before it has taken it, which bounds both lists.
func (r *procReader) ask(p process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.todo = append(r.todo, p)
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	if r.readers == 0 || len(r.todo) > 1 {
		r.start()
	}
}

func (r *procReader) start() {
	if r.readers < maxReaders {
		r.readers++
		go r.run()
	}
}

// take returns what was read since the last call; it waits for all that was asked for,
// up to limit.
func (r *procReader) take(limit time.Duration) map[process]read {
	r.mu.Lock()
	idle := r.idle
	r.mu.Unlock()
	if idle != nil && limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-idle:
		case <-timer.C:
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.todo) > 0 { // the readers may all be kept waiting
		r.start()
	}
	done := r.done
	r.done = nil
	return done
}

func (r *procReader) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.todo) > 0 {
		p := r.todo[0]
		r.todo = r.todo[1:]
		r.mu.Unlock()
		is := readProcess(p)
		r.mu.Lock()
		if r.done == nil {
			r.done = make(map[process]read)
		}
		r.done[p] = is
	}
	r.readers--
	if r.readers == 0 {
		r.todo = nil
		close(r.idle)
		r.idle = nil
	}
}

// readProcess reads a process; its start is compared last, after which all that was
// read before is its own. What may not be read stays empty.
func readProcess(p process) read {
	dir := "/proc/" + strconv.FormatUint(uint64(p.pid), 10)
	var r read
	r.Exe, _ = os.Readlink(dir + "/exe")
	r.Cmdline = cmdline(dir + "/cmdline")
	proc, err := procfs.NewProc(int(p.pid))
	if err != nil {
		return read{gone: true}
	}
	stat, err := proc.Stat()
	if err != nil || !started(conn.Owner{PID: p.pid, Start: p.start}, stat.Starttime) {
		return read{gone: true}
	}
	r.comm = conn.MakeName(stat.Comm)
	return r
}

// cmdline is a process' arguments, joined by spaces and cut to maxCmdline.
func cmdline(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var b [maxCmdline]byte
	n, err := f.Read(b[:])
	if err != nil {
		return ""
	}
	args := bytes.TrimRight(b[:n], "\x00")
	return string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
}
