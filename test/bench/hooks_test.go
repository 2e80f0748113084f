package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
	"tcptop/internal/probe"
	"tcptop/internal/testkit"
)

// BenchmarkUDPHooks compares what could sum UDP on this kernel, hooks alone: no
// sweep, no process of ours that runs beside.
func BenchmarkUDPHooks(b *testing.B) {
	testkit.Kernel(b)
	for _, load := range hookLoads {
		c := &comparison{load: load, subjects: []subject{
			{name: "hooks=none", start: nothing},
			{name: "hooks=none-again", start: nothing},
			{name: "hooks=tcptop", start: ownHooks(conn.Config{UDP: true})},
			{name: "hooks=empty", start: otherHooks(loadUdp, "tb_no_send", "tb_no_recv", "tb_no_queue", "tb_no_ingress")},
			{name: "hooks=skb", start: otherHooks(loadUdp, "tb_skb_out", "tb_skb_in")},
			{name: "hooks=calls", start: otherHooks(loadUdp, "tb_call_send", "tb_call_recv")},
			{name: "hooks=calls+peers", start: otherHooks(loadUdp, "tb_peer_send", "tb_peer_recv", "tb_peer_to", "tb_peer_from")},
		}}
		b.Run(load.name, c.bench)
	}
}

// BenchmarkChurnHooks compares likewise what connections that come and go pay: who reads what
// the hooks tell costs nothing here.
func BenchmarkChurnHooks(b *testing.B) {
	testkit.Kernel(b)
	c := &comparison{load: workload{"load=churn", []string{"bench-churn"}}, subjects: []subject{
		{name: "hooks=none", start: nothing},
		{name: "hooks=none-again", start: nothing},
		{name: "hooks=tcptop", start: ownHooks(conn.Config{TCP: true})},
		{name: "hooks=empty", start: otherHooks(loadChurn, "tb_no_state", "tb_no_destroy", "tb_no_accept")},
		{name: "hooks=hash", start: otherHooks(loadChurn, "tb_state")},
	}}
	c.bench(b)
}

func ownHooks(cfg conn.Config) func(*testing.B) (int, func()) {
	cfg.Interval, cfg.Host = time.Second, "bench"
	return func(b *testing.B) (int, func()) {
		p, err := probe.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		return os.Getpid(), func() {
			if err := p.Close(); err != nil {
				b.Error(err)
			}
		}
	}
}

func otherHooks(load func() (*ebpf.CollectionSpec, error), names ...string) func(*testing.B) (int, func()) {
	return func(b *testing.B) (int, func()) {
		spec, err := load()
		if err != nil {
			b.Fatal(err)
		}
		coll, err := ebpf.NewCollection(spec)
		if err != nil {
			b.Fatal(err)
		}
		var links []link.Link
		stop := func() {
			for _, l := range links {
				if err := l.Close(); err != nil {
					b.Error(err)
				}
			}
			coll.Close()
		}
		for _, name := range names {
			l, err := attach(coll.Programs[name], spec.Programs[name].AttachType)
			if err != nil {
				stop()
				b.Fatalf("attach %s: %v", name, err)
			}
			links = append(links, l)
		}
		return os.Getpid(), stop
	}
}

func attach(p *ebpf.Program, to ebpf.AttachType) (link.Link, error) {
	if p.Type() == ebpf.Tracing {
		return link.AttachTracing(link.TracingOptions{Program: p})
	}
	root, err := cgroupRoot()
	if err != nil {
		return nil, err
	}
	return link.AttachCgroup(link.CgroupOptions{Path: root, Attach: to, Program: p})
}

// cgroupRoot is where the one cgroup2 hierarchy is mounted.
func cgroupRoot() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1], nil
		}
	}
	return "", fmt.Errorf("no cgroup2 is mounted: %w", unix.ENODEV)
}
