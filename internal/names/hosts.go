package names

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"tcptop/internal/conn"
)

const (
	maxHosts  = 1 << 14
	maxFile   = 8 << 20                 // bytes that are read of a file of names
	lookAgain = int64(10 * time.Second) // between two looks at whether it has changed
)

// hosts is a file of addresses and names (hosts(5)), read again when it changes. It
// speaks of the network that this process is in, and of no other namespace.
type hosts struct {
	path   string
	netns  uint32
	names  map[conn.Addr]string
	looked int64 // monotonic ns
	size   int64
	mtime  time.Time
}

// refresh reads the file if it is another one than before, and says whether it was. A file
// that can't be read has no names.
func (h *hosts) refresh(now int64) bool {
	if h.path == "" || h.looked != 0 && now-h.looked < lookAgain {
		return false
	}
	h.looked = now
	var size int64
	var mtime time.Time
	if info, err := os.Stat(h.path); err == nil {
		size, mtime = info.Size(), info.ModTime()
	}
	if size == h.size && mtime.Equal(h.mtime) {
		return false
	}
	h.size, h.mtime, h.names = size, mtime, nil
	f, err := os.Open(h.path)
	if err != nil {
		return true
	}
	defer f.Close()
	h.names = parseHosts(f)
	return true
}

// parseHosts reads lines of an address and its names, of which the first one stands
// for it, as does the first line of an address.
func parseHosts(r io.Reader) map[conn.Addr]string {
	names := make(map[conn.Addr]string)
	for lines := bufio.NewScanner(io.LimitReader(r, maxFile)); lines.Scan() && len(names) < maxHosts; {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil || a.Zone() != "" || a.IsUnspecified() {
			continue
		}
		if addr := conn.AddrFrom(a); names[addr] == "" {
			names[addr] = strings.TrimSuffix(fields[1], ".")
		}
	}
	return names
}
