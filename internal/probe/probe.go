package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Config says what to measure.
type Config struct {
	Interval   time.Duration // between samples; 100 ms at least
	TCP, UDP   bool
	MaxConns   int           // slots for TCP sockets; 0 sizes the table by memory
	UDPTimeout time.Duration // how long a flow may be idle before its place is given away
	Host       string        // name that samples carry
}

// Probe is the loaded and attached object.
type Probe struct {
	cfg     Config
	every   atomic.Int64 // ns between samples
	coll    *ebpf.Collection
	links   []link.Link
	slots   *slotTable
	flows   *flowTable
	ring    *ring
	inv     *inventory
	missing []string
}

// programs by what they are for.
var (
	tcpPrograms    = []string{"tt_set_state", "tt_destroy_sock"}
	udpPrograms    = []string{"tt_send_length", "tt_recv_length", "tt_dev_queue", "tt_fail_queue"}
	cgroupPrograms = []string{"tt_sendmsg4", "tt_sendmsg6", "tt_recvmsg4", "tt_recvmsg6", "tt_ingress"}
)

// Open loads the object and attaches its hooks. Traffic is counted from here on.
// Errors are *PermissionError, *UnsupportedError, or what the system said.
func Open(cfg Config) (_ *Probe, err error) {
	caps, err := ownCapabilities()
	if err != nil {
		return nil, err
	}
	if err := caps.check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return nil, &UnsupportedError{What: "type information (BTF, /sys/kernel/btf/vmlinux)", Err: err}
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, classify("raise the limit of locked memory", err)
	}
	p := &Probe{cfg: cfg}
	p.SetInterval(cfg.Interval)
	if cfg.TCP && !caps.has(unix.CAP_SYS_ADMIN) {
		p.missing = append(p.missing, "sockets that no process holds in other network namespaces (CAP_SYS_ADMIN)")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := p.load(); err != nil {
		return nil, err
	}
	if err := p.attach(); err != nil {
		return nil, err
	}
	return p, nil
}

// SetInterval changes the time between samples, from the next one on. It may be
// called while samples are taken.
func (p *Probe) SetInterval(d time.Duration) { p.every.Store(int64(d)) }

// Missing says what is not measured here, a clause for each; empty when all is.
func (p *Probe) Missing() []string { return p.missing }

func (p *Probe) load() error {
	size := p.cfg.MaxConns
	if size <= 0 {
		size = defaultMaxConns()
	}
	err := p.loadPrograms(size)
	if err != nil && p.cfg.UDP {
		// UDP's hooks ask for more than TCP's: without them there is still most of it.
		p.cfg.UDP = false
		if p.loadPrograms(size) == nil {
			p.missing = append(p.missing, fmt.Sprintf("UDP (%v)", err))
			err = nil
		}
	}
	if err != nil {
		return err
	}
	if p.slots, err = mapSlots(p.coll, size); err != nil {
		return err
	}
	if p.flows, err = mapFlows(p.coll, p.cfg.UDP); err != nil {
		return err
	}
	if p.ring, err = openRing(p.coll.Maps["tt_ring"], size); err != nil {
		return err
	}
	p.inv = newInventory(p.coll)
	return nil
}

// loadPrograms loads the object for the configuration as it is now.
func (p *Probe) loadPrograms(size int) error {
	spec, err := loadTcptop()
	if err != nil {
		return fmt.Errorf("read the embedded object: %w", err)
	}
	if !p.cfg.UDP {
		for _, name := range slices.Concat(udpPrograms, cgroupPrograms) {
			delete(spec.Programs, name)
		}
	}
	if err := setSizes(spec, size, p.cfg.UDP); err != nil {
		return err
	}
	p.coll, err = ebpf.NewCollection(spec)
	if err != nil {
		return classify("load the programs", err)
	}
	return nil
}

func (p *Probe) attach() error {
	var names []string
	if p.cfg.TCP {
		names = append(names, tcpPrograms...)
	}
	if p.cfg.UDP {
		names = append(names, udpPrograms...)
	}
	for _, name := range names {
		l, err := link.AttachTracing(link.TracingOptions{Program: p.coll.Programs[name]})
		if err != nil {
			return classify("attach "+name, err)
		}
		p.links = append(p.links, l)
	}
	if p.cfg.UDP {
		return p.attachCgroup()
	}
	return nil
}

// attachCgroup hooks the sends that name their peer, at the root of the cgroup2
// hierarchy, so for every process.
func (p *Probe) attachCgroup() error {
	root, err := cgroupRoot()
	if err != nil {
		p.missing = append(p.missing, "the remote of unconnected UDP sends ("+err.Error()+")")
		return nil
	}
	attach := map[string]ebpf.AttachType{
		"tt_sendmsg4": ebpf.AttachCGroupUDP4Sendmsg,
		"tt_sendmsg6": ebpf.AttachCGroupUDP6Sendmsg,
		"tt_recvmsg4": ebpf.AttachCGroupUDP4Recvmsg,
		"tt_recvmsg6": ebpf.AttachCGroupUDP6Recvmsg,
		"tt_ingress":  ebpf.AttachCGroupInetIngress,
	}
	for _, name := range cgroupPrograms {
		l, err := link.AttachCgroup(link.CgroupOptions{Path: root, Attach: attach[name], Program: p.coll.Programs[name]})
		if err != nil {
			return classify("attach "+name+" to "+root, err)
		}
		p.links = append(p.links, l)
	}
	return nil
}

// Close detaches and unloads everything. It may be called more than once.
func (p *Probe) Close() error {
	var errs []error
	if p.inv != nil {
		errs = append(errs, p.inv.Close())
		p.inv = nil
	}
	for _, l := range p.links {
		errs = append(errs, l.Close())
	}
	p.links = nil
	if p.ring != nil {
		errs = append(errs, p.ring.Close())
		p.ring = nil
	}
	if p.slots != nil {
		errs = append(errs, p.slots.Close())
		p.slots = nil
	}
	if p.flows != nil {
		errs = append(errs, p.flows.Close())
		p.flows = nil
	}
	if p.coll != nil {
		p.coll.Close()
		p.coll = nil
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
