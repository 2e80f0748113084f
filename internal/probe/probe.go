package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/rights"
)

// Probe is the loaded and attached object.
type Probe struct {
	conn.Pace
	cfg     conn.Config
	obj     *object
	sets    []*set
	slots   *slotTable
	flows   *flowTable
	ring    *ring
	dns     *dnsQueue
	states  *transitions // nil where nobody asks for them
	meter   *meter
	files   *filePass
	sockets *socketPass
	listens *listeners
	socks   *udpSockets
	totals  totals
	udpTier string // the name of the one that is used
	accepts bool   // they are timed
	hears   bool   // that one hears the DNS
	byPerf  bool   // by perf's buffers

	asking  sync.Mutex // guards holders and what lists by it
	holders *link.Iter // nil where there is none
	missing []string
}

// Open loads the object and attaches its hooks. Traffic is counted from here on.
// Errors are *conn.PermissionError, *conn.UnsupportedError, or what the system said.
func Open(cfg conn.Config) (*Probe, error) {
	spec, err := loadTcptop()
	if err != nil {
		return nil, fmt.Errorf("read the embedded object: %w", err)
	}
	return openObject(cfg, spec)
}

func openObject(cfg conn.Config, spec *ebpf.CollectionSpec) (_ *Probe, err error) {
	caps, err := rights.Effective()
	if err != nil {
		return nil, err
	}
	if missing := caps.LackingForBPF(); len(missing) > 0 {
		return nil, &conn.PermissionError{Origin: conn.FromBPF, Missing: missing}
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return nil, &conn.UnsupportedError{Origin: conn.FromBPF, What: "type information (BTF, /sys/kernel/btf/vmlinux)", Err: err}
	}
	// The library reads it before each bpf(2), to look for bpffs.
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		return nil, &conn.UnsupportedError{Origin: conn.FromBPF, What: "a mounted /proc", Err: err}
	}
	if err := try(); err != nil {
		return nil, err
	}
	if err := rlimit.RemoveMemlock(); err != nil { // before 5.11 maps were locked memory
		return nil, &conn.PermissionError{Origin: conn.FromBPF, Err: fmt.Errorf("raise the limit of locked memory: %w", err)}
	}
	p := &Probe{cfg: cfg}
	p.SetInterval(cfg.Interval)
	p.tellNamespaces()
	if cfg.TCP && !caps.Has(unix.CAP_SYS_ADMIN) {
		p.missing = append(p.missing, "sockets that no process holds in other network namespaces (CAP_SYS_ADMIN)")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := p.load(spec); err != nil {
		return nil, err
	}
	return p, nil
}

// Missing says what is not measured here, a clause for each; empty when all is.
func (p *Probe) Missing() []string { return p.missing }

// Skipped counts the events that the kernel kept from the hooks so far. It is 0 where
// tracepoints are not preempted, which was so up to Linux 6.18 and is not in 7.3.
func (p *Probe) Skipped() (sum uint64, _ error) {
	for i := range p.meter.programs {
		stats, err := p.meter.programs[i].prog.Stats()
		if err != nil {
			return 0, err
		}
		sum += stats.RecursionMisses
	}
	return sum, nil
}

func (p *Probe) load(spec *ebpf.CollectionSpec) (err error) {
	size := p.cfg.MaxConns
	if size <= 0 {
		size = defaultMaxConns()
	}
	if err := setSizes(spec, size, &p.cfg); err != nil {
		return err
	}
	if p.obj, err = newObject(spec); err != nil {
		return refused(&tcpTier, err)
	}
	if err := p.start(); err != nil {
		return err
	}
	if p.slots, err = mapSlots(p.obj.maps, p.program("tt_sweep"), size); err != nil {
		return err
	}
	if p.flows, err = mapFlows(p.obj.maps, p.program("tt_age_flows"), uint32(size)+1); err != nil {
		return err
	}
	p.socks = newUDPSockets(p.obj.maps, p.program(udpSocks.program))
	p.totals.table = p.obj.maps.Maps["tt_totals"]
	p.listens = newListeners(p.obj.maps, p.accepts)
	if p.cfg.DNS && p.cfg.UDP {
		p.listenToDNS()
	}
	if p.cfg.Transitions && p.cfg.TCP {
		if p.states, err = openTransitions(p.obj.maps.Maps["tt_transitions"]); err != nil {
			return err
		}
	}
	p.obj.spec = nil // some MiB that nobody asks for any more
	var lacks string
	if p.meter, lacks = openMeter(p.sets, p.obj.maps.Maps, p.cfg.Stats); lacks != "" {
		p.missing = append(p.missing, lacks)
	}
	if p.ring, err = openRing(p.obj.maps.Maps["tt_ring"], p.slots.legend, size); err != nil {
		return err
	}
	return p.rehearse()
}

// rehearse runs programs over nothing: before the first run the library loads one of its
// own, which whoever has given up to load programs by then may not.
func (p *Probe) rehearse() error {
	for _, name := range []string{"tt_sweep", "tt_age_flows"} {
		if prog := p.program(name); prog != nil {
			return runSweep(prog, &tcptopSweepArgs{})
		}
	}
	return nil
}

// listenToDNS opens what DNS messages come through, or notes that none will.
func (p *Probe) listenToDNS() {
	const what = "the names that this host asks the DNS for"
	if !p.hears {
		p.missing = append(p.missing, what)
		return
	}
	var err error
	if p.dns, err = openDNS(p.obj.maps.Maps, p.byPerf); err != nil {
		p.missing = append(p.missing, what+" ("+oneLine(err)+")")
	}
}

// start loads and attaches what is asked for: UDP beside TCP, since the kernel takes
// long to verify both.
func (p *Probe) start() error {
	var udp started
	done := make(chan struct{})
	go func() {
		defer close(done)
		if p.cfg.UDP {
			udp.sets, udp.tier, udp.err = p.obj.startFirst(udpTiers)
		}
	}()
	err := p.startTCP()
	if err == nil && p.cfg.TCP {
		p.startAccepts()
	}
	<-done
	p.sets = append(p.sets, udp.sets...)
	switch {
	case err != nil || !p.cfg.UDP:
		return err
	case udp.err != nil && !p.cfg.TCP:
		return refused(&udpTiers[0], udp.err)
	case udp.err != nil:
		p.cfg.UDP = false
		p.missing = append(p.missing, "UDP, whose programs this kernel refuses ("+oneLine(udp.err)+")")
		return nil
	}
	p.udpTier, p.hears = udp.tier.name, udp.tier.hears
	p.byPerf = udp.tier.perf
	p.startPass(udpSocks)
	if err := p.obj.maps.Variables["list_udp_socks"].Set(true); err != nil {
		return fmt.Errorf("set list_udp_socks: %w", err)
	}
	if udp.tier.lacks != "" {
		p.missing = append(p.missing, udp.tier.lacks)
	}
	return nil
}

type started struct {
	sets []*set
	tier *tier
	err  error
}

// startTCP starts TCP's hooks, and the passes and the names, which UDP needs too: at once, or those
// that this kernel takes.
func (p *Probe) startTCP() error {
	wanted := []hook{ownersPass, holdersPass, cgroupHook}
	if p.cfg.TCP {
		wanted = slices.Concat(tcpTier.hooks, passes, []hook{cgroupHook})
	}
	s, err := p.obj.start(wanted...)
	if err == nil {
		p.sets = append(p.sets, s)
		p.holders = s.iters[holdersPass.program]
		p.setPasses(s.iters[ownersPass.program], s.iters[tcpPass.program])
		return nil
	}
	if p.cfg.TCP {
		if s, err = p.obj.start(tcpTier.hooks...); err != nil {
			return refused(&tcpTier, err)
		}
		p.sets = append(p.sets, s)
	}
	owners := p.startPass(ownersPass)
	p.holders = p.startPass(holdersPass)
	var tcp *link.Iter
	if p.cfg.TCP {
		tcp = p.startPass(tcpPass)
	}
	p.startPass(cgroupHook)
	p.setPasses(owners, tcp)
	return nil
}

// setPasses makes the passes of their iterators, nil where there is none.
func (p *Probe) setPasses(owners, tcp *link.Iter) {
	vars := p.obj.maps.Variables
	p.files = newFilePass(vars, owners, tcp == nil, p.cfg.Calm)
	p.sockets = newSocketPass(vars["older_count"], tcp, p.cfg.Calm)
}

// startAccepts starts the hooks that time accepts, if this kernel takes any.
func (p *Probe) startAccepts() {
	sets, _, err := p.obj.startFirst(acceptTiers)
	if err != nil {
		p.missing = append(p.missing, "how long connections wait to be accepted ("+oneLine(err)+")")
		return
	}
	p.sets = append(p.sets, sets...)
	p.accepts = true
}

// startPass starts one hook that the others can do without and returns its iterator, if
// it is one. What the kernel refuses is noted.
func (p *Probe) startPass(h hook) *link.Iter {
	s, err := p.obj.start(h)
	if err != nil {
		p.missing = append(p.missing, h.what+" ("+oneLine(err)+")")
		return nil
	}
	p.sets = append(p.sets, s)
	return s.iters[h.program]
}

// program is one that was loaded, or nil.
func (p *Probe) program(name string) *ebpf.Program {
	for _, s := range p.sets {
		if prog := s.programs[name]; prog != nil {
			return prog
		}
	}
	return nil
}

// Close detaches and unloads everything. It may be called more than once.
func (p *Probe) Close() error {
	p.asking.Lock()
	defer p.asking.Unlock()
	var errs []error
	p.holders = nil
	for _, s := range p.sets {
		errs = append(errs, s.Close())
	}
	p.sets = nil
	if p.ring != nil {
		errs = append(errs, p.ring.Close())
		p.ring = nil
	}
	if p.dns != nil {
		errs = append(errs, p.dns.Close())
		p.dns = nil
	}
	if p.states != nil {
		errs = append(errs, p.states.Close())
		p.states = nil
	}
	if p.slots != nil {
		errs = append(errs, p.slots.Close())
		p.slots = nil
	}
	if p.flows != nil {
		errs = append(errs, p.flows.Close())
		p.flows = nil
	}
	if p.meter != nil {
		errs = append(errs, p.meter.Close())
		p.meter = nil
	}
	if p.obj != nil {
		p.obj.maps.Close()
		p.obj = nil
	}
	return errors.Join(errs...)
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}
