package diag

import (
	"errors"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/rights"
)

const (
	minRows = 64 << 10
	maxRows = 1 << 20
	// A row with its share of the index, here and in the table of whoever reads the samples.
	bytesPerRow = 1024
)

// Diag is an open collector. One goroutine may take its samples.
type Diag struct {
	conn.Pace
	cfg     conn.Config
	buf     []byte // of all links
	own     *link  // in our own network namespace
	roams   bool   // other namespaces may be entered
	seesAll bool   // every process' files may be looked at
	missing []string

	taking  sync.Mutex // held while a sample is taken, guards sampler
	sampler *sampler
}

// Open asks the kernel whether it answers. Errors are *conn.PermissionError,
// *conn.UnsupportedError, or what the system said.
func Open(cfg conn.Config) (_ *Diag, err error) {
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = defaultRows()
	}
	d := &Diag{cfg: cfg, buf: make([]byte, datagramSize)}
	d.SetInterval(cfg.Interval)
	if d.own, err = dial(nil, &d.buf); err != nil {
		return nil, classify("sock_diag", err)
	}
	if err := d.try(d.ping); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.roams = rights.OnHost(unix.CAP_SYS_ADMIN)
	d.seesAll = rights.OnHost(unix.CAP_SYS_PTRACE) && rights.OnHost(unix.CAP_DAC_READ_SEARCH)
	d.tell()
	return d, nil
}

// try drops a protocol that the kernel does not answer for.
func (d *Diag) try(ping func(conn.Proto) error) error {
	var tcp, udp error
	if d.cfg.TCP {
		tcp = ping(conn.TCP)
	}
	if d.cfg.UDP {
		udp = ping(conn.UDP)
	}
	switch {
	case tcp != nil && (udp != nil || !d.cfg.UDP):
		return classify("list TCP sockets", tcp)
	case udp != nil && !d.cfg.TCP:
		return classify("list UDP sockets", udp)
	case tcp != nil:
		d.cfg.TCP = false
		d.miss("TCP (module tcp_diag: " + reason(tcp) + ")")
	case udp != nil:
		d.cfg.UDP = false
		d.miss("UDP (module udp_diag: " + reason(udp) + ")")
	}
	return nil
}

// ping asks for sockets in a state that few are in.
func (d *Diag) ping(proto conn.Proto) error {
	_, err := d.own.ask(dumpRequest(unix.AF_INET, proto, 1<<conn.Listen, 0), netlink.Dump, func([]byte) {})
	return err
}

func reason(err error) string {
	if errors.Is(err, unix.ENOENT) {
		return "not there"
	}
	return err.Error()
}

// tell says what sock_diag does not know, and what we may not ask.
func (d *Diag) tell() {
	if d.cfg.TCP {
		d.miss("connections shorter than a tick, and what a connection carried after the last tick that saw it")
	}
	if d.cfg.Transitions {
		d.miss("when connections change their state, and what states they had between two ticks")
	}
	if d.cfg.UDP {
		d.miss("bytes and packets of UDP, and the remotes of its unconnected sockets")
	}
	if d.cfg.DNS {
		d.miss("the names that this host asks the DNS for")
	}
	if !d.seesAll {
		d.miss("the processes of other users' sockets (CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH)")
	}
	if rights.Hidden("pid") {
		d.miss("the host's process ids: those shown are of this pid namespace")
	}
	if !d.roams {
		d.miss("other network namespaces (CAP_SYS_ADMIN)")
	}
}

func (d *Diag) miss(what string) { d.missing = append(d.missing, what) }

// Missing says what is not measured here, a clause for each.
func (d *Diag) Missing() []string { return d.missing }

// Close gives the socket back. It may be called more than once.
func (d *Diag) Close() error {
	if d.own == nil {
		return nil
	}
	err := d.own.Close()
	d.own = nil
	return err
}

// defaultRows gives the rows one 64th of the machine's memory.
func defaultRows() int {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return minRows
	}
	n := int(si.Totalram * uint64(si.Unit) / 64 / bytesPerRow)
	return min(max(n, minRows), maxRows)
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}
