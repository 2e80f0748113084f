package probe

import (
	"bufio"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

const (
	minConns = 16 << 10
	maxConns = 1 << 20
	// A slot with its share of hot array, list, index and free stack.
	bytesPerConn = 256 + 32 + 4 + 16 + 4
	slotLimit    = 1<<24 - 2 // slot numbers have 24 bits in the index
)

// defaultMaxConns gives the table one 512th of the machine's memory.
func defaultMaxConns() int {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return minConns
	}
	n := int(si.Totalram * uint64(si.Unit) / 512 / bytesPerConn)
	return min(max(n, minConns), maxConns)
}

// udpSockCount is room for a quarter as many UDP sockets as there are flows, 4,096 at least: a tick walks
// all of that table, whatever is in it.
func udpSockCount(flows int) int { return min(flows, max(flows/4, 4<<10)) }

// indexBuckets is how many buckets of sixteen make four entries per slot, as a
// power of two.
func indexBuckets(slots int) int { return 1 << bits.Len(uint(max(slots, 4)/4-1)) }

// ringSize is room for a burst as large as the table, within 1 to 16 MiB. With
// conn.Config.Calm it is 4 at most, since mapped it counts twice as this process'
// memory: then user space is woken when it is a quarter full, not half.
func ringSize(conns int, calm bool) (size, wake int) {
	most, share := 16<<20, 2
	if calm {
		most, share = 4<<20, 4
	}
	n := min(max(conns*264, 1<<20), most)
	size = 1 << bits.Len(uint(n-1))
	return size, size / share
}

// dnsRing is the room for DNS messages, some thousand, between two ticks or wake-ups.
const dnsRing = 1 << 19

func setSizes(spec *ebpf.CollectionSpec, conns int, cfg *conn.Config) error {
	if conns > slotLimit {
		return fmt.Errorf("table of %d connections: at most %d", conns, slotLimit)
	}
	flows := 1
	if cfg.UDP {
		flows = conn.MaxFlows(conns)
	}
	dnsRoom, transitionRoom := os.Getpagesize(), os.Getpagesize()
	if cfg.DNS {
		dnsRoom = dnsRing
	}
	if cfg.Transitions {
		transitionRoom = transitionRing
	}
	ring, wake := ringSize(conns, cfg.Calm)
	for name, n := range map[string]int{
		"tt_hot": conns, "tt_slots": conns, "tt_changed": (conns + 15) / 16,
		"tt_index": indexBuckets(conns), "tt_free": conns,
		"tt_flows": flows, "tt_flow_index": indexBuckets(flows), "tt_flow_free": flows, "tt_udp_socks": udpSockCount(flows),
		"tt_ring": ring, "tt_dns": dnsRoom, "tt_transitions": transitionRoom,
	} {
		spec.Maps[name].MaxEntries = uint32(n)
	}
	vars := map[string]any{
		"cfg_slots":      uint32(conns),
		"cfg_index_mask": uint32(indexBuckets(conns) - 1),
		"cfg_flows":      uint32(flows),
		"cfg_flow_mask":  uint32(indexBuckets(flows) - 1),
		"cfg_ring_wake":  uint64(wake),
		"cfg_dns":        cfg.DNS,
		"cfg_dns_wake":   uint64(dnsRing / 2),

		"cfg_transitions":      cfg.Transitions,
		"cfg_transitions_wake": uint64(transitionRing / 2),
	}
	for name, v := range vars {
		if spec.Variables[name] == nil {
			continue // only UDP programs had it
		}
		if err := spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// cgroupRoot finds where the cgroup2 hierarchy is mounted.
func cgroupRoot() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("find cgroup2: %w", err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		before, after, ok := strings.Cut(sc.Text(), " - ")
		if fields := strings.Fields(before); ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("no cgroup2 hierarchy is mounted")
}
