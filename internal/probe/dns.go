package probe

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"

	"tcptop/internal/conn"
)

// maxDNS is how many DNS messages wait for the next tick.
const maxDNS = 8192

// dnsQueue is the DNS messages that came since the last tick.
type dnsQueue struct {
	sources []*drain // the ring last: an answer's query is in it before the answer is anywhere

	mu    sync.Mutex
	queue []conn.DNSMessage
	lost  uint64
}

// openDNS opens the ring and, where answers go there, perf's buffers.
func openDNS(maps map[string]*ebpf.Map, heard bool) (*dnsQueue, error) {
	q := &dnsQueue{}
	if heard {
		if err := q.open(openPerfDrain(maps["tt_heard"], "DNS answers")); err != nil {
			return nil, err
		}
	}
	if err := q.open(openDrain(maps["tt_dns"], "DNS messages")); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

func (q *dnsQueue) open(d *drain, err error) error {
	if err != nil {
		return err
	}
	go d.run(q.add)
	q.sources = append(q.sources, d)
	return nil
}

func (q *dnsQueue) add(raw []byte, lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += lost
	const header = int(unsafe.Sizeof(tcptopDnsMessage{}))
	if len(raw) < header {
		return
	}
	if len(q.queue) >= maxDNS {
		q.lost++
		return
	}
	rec := (*tcptopDnsMessage)(unsafe.Pointer(unsafe.SliceData(raw)))
	data := raw[header:]
	q.queue = append(q.queue, conn.DNSMessage{
		Time: int64(rec.TimeNs), Socket: rec.Sk, Server: rec.Server,
		NetNS: rec.Netns, UID: rec.Uid, PID: rec.Tgid,
		Answer: rec.Answer != 0, Cut: rec.Cut != 0, Data: bytes.Clone(data[:min(int(rec.Len), len(data))]),
	})
}

// take returns the messages since the last call, which are the caller's, in order, and
// how many were lost here so far. A nil queue has none.
func (q *dnsQueue) take() ([]conn.DNSMessage, uint64, error) {
	if q == nil {
		return nil, 0, nil
	}
	var errs []error
	for _, d := range q.sources {
		errs = append(errs, d.empty())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	came := q.queue
	q.queue = nil
	slices.SortStableFunc(came, func(a, b conn.DNSMessage) int { return cmp.Compare(a.Time, b.Time) })
	return came, q.lost, errors.Join(errs...)
}

func (q *dnsQueue) Close() error {
	var errs []error
	for _, d := range q.sources {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
