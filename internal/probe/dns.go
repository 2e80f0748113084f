package probe

import (
	"bytes"
	"unsafe"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// maxDNS is how many DNS messages wait for the next tick.
const maxDNS = 8192

// dnsQueue is what came through the kernel's ring of DNS messages. Nil where they
// are not asked for.
type dnsQueue struct {
	*drain
	queue []conn.DNSMessage // guarded by drain.mu
	lost  uint64
}

func openDNS(m *ebpf.Map) (*dnsQueue, error) {
	d, err := openDrain(m, "DNS messages")
	if err != nil {
		return nil, err
	}
	q := &dnsQueue{drain: d}
	go d.run(q.add)
	return q, nil
}

func (q *dnsQueue) add(raw []byte) {
	const header = int(unsafe.Sizeof(tcptopDnsMessage{}))
	if len(raw) < header {
		return
	}
	rec := (*tcptopDnsMessage)(unsafe.Pointer(unsafe.SliceData(raw)))
	data := raw[header:]
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= maxDNS {
		q.lost++
		return
	}
	q.queue = append(q.queue, conn.DNSMessage{
		Time: int64(rec.TimeNs), Socket: rec.Sk, Server: rec.Server,
		NetNS: rec.Netns, UID: rec.Uid, PID: rec.Tgid,
		Answer: rec.Answer != 0, Cut: rec.Cut != 0, Data: bytes.Clone(data[:min(int(rec.Len), len(data))]),
	})
}

// take returns the messages since the last call, which are the caller's, and how many
// were lost here so far.
func (q *dnsQueue) take() ([]conn.DNSMessage, uint64, error) {
	if q == nil {
		return nil, 0, nil
	}
	if err := q.empty(); err != nil {
		return nil, 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	came := q.queue
	q.queue = nil
	return came, q.lost, q.err
}
