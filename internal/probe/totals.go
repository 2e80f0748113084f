package probe

import (
	"errors"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// totals are the kernel's sums of what had no room there, by owner and remote: of rows on
// their way to user space, and of datagrams whose flow found no place.
type totals struct {
	table *ebpf.Map
	keys  []tcptopTotalKey
	sums  []tcptopTotal
}

// totalsBatch is how many sums a call reads, more than any one hash bucket holds.
const totalsBatch = 1024

// append appends the sums to dst.
func (t *totals) append(dst []conn.OwnerTotal) ([]conn.OwnerTotal, error) {
	if t.keys == nil {
		t.keys, t.sums = make([]tcptopTotalKey, totalsBatch), make([]tcptopTotal, totalsBatch)
	}
	var at ebpf.MapBatchCursor
	for {
		n, err := t.table.BatchLookup(&at, t.keys, t.sums, nil) // 5.6
		for i := range n {
			dst = append(dst, totalOf(&t.keys[i], &t.sums[i]))
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist): // that was all
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

func totalOf(key *tcptopTotalKey, sum *tcptopTotal) conn.OwnerTotal {
	t := conn.OwnerTotal{
		PID: key.Tgid, UID: key.Uid, Cgroup: key.Cgroup, Comm: name(&key.Comm), Raddr: key.Raddr, Proto: conn.TCP,
		TxBytes: sum.TxBytes, RxBytes: sum.RxBytes,
	}
	if key.Proto == unix.IPPROTO_UDP {
		t.Proto, t.Datagrams = conn.UDP, sum.N
	} else {
		t.Conns = sum.N
	}
	return t
}
