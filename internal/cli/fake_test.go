package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"slices"
	"time"

	"tcptop/internal/cli"
	"tcptop/internal/conn"
	"tcptop/internal/doctor"
	"tcptop/internal/enrich"
	"tcptop/internal/sandbox"
)

const second = int64(time.Second)

// fakeEnv is a host of hand-made samples. TCPTOP_FAKE says how it behaves; see
// openFake.
func fakeEnv(stdout, stderr io.Writer) cli.Env {
	return cli.Env{
		Version:    "1.2.3",
		Executable: "/opt/tcptop",
		Host:       "testhost",
		Stdout:     stdout,
		Stderr:     stderr,
		Local:      time.UTC,
		Environ:    os.Environ(),

		SystemConfig: os.Getenv("TCPTOP_FAKE_ETC"),
		Open:         openFake,
		OpenDiag:     openFakeDiag,
		Examine:      examineFake,
		Confine:      confineFake,
		Names: enrich.Config{
			LookupUser: func(uid uint32) string { return map[uint32]string{0: "root", 1000: "ann"}[uid] },
			Proc:       "/nonexistent",
			NetNS:      "/nonexistent",
		},
		UserID: func(name string) (uint32, error) {
			if name != "ann" {
				return 0, errors.New("no such user")
			}
			return 1000, nil
		},
		NetNS: func(name string) (uint32, error) {
			if name != "blue" {
				return 0, os.ErrNotExist
			}
			return blueNetNS, nil
		},
	}
}

const (
	hostNetNS = 4026531840
	blueNetNS = 4026532000
)

// fake is a collector of what its source yields.
type fake struct {
	source  conn.Source
	missing []string
}

func (f fake) Samples(ctx context.Context) iter.Seq2[*conn.Sample, error] { return f.source(ctx) }
func (f fake) Missing() []string                                          { return f.missing }
func (f fake) SetInterval(time.Duration)                                  {}
func (f fake) Holders(conn.ID) ([]conn.Owner, error)                      { return nil, nil }
func (f fake) Close() error                                               { return nil }

func openFake(cfg conn.Config) (cli.Collector, error) {
	switch os.Getenv("TCPTOP_FAKE") {
	case "permission":
		return nil, &conn.PermissionError{Origin: conn.FromBPF, Missing: []string{"CAP_BPF"}, Err: os.ErrPermission}
	case "lockdown":
		return nil, &conn.PermissionError{Origin: conn.FromBPF, Remedy: "boot with lockdown=integrity", Err: errors.New("lockdown is at confidentiality")}
	case "unsupported":
		return nil, &conn.UnsupportedError{Origin: conn.FromBPF, What: "BTF (/sys/kernel/btf/vmlinux)", Err: os.ErrNotExist}
	case "config":
		host := fmt.Sprintf("%v %v %d", cfg.Interval, cfg.UDPTimeout, cfg.MaxConns)
		return fake{source: replay([]*conn.Sample{{Host: host, Conns: protocols(cfg)}})}, nil
	case "broken":
		return fake{source: broken}, nil
	case "quiet":
		return fake{source: thenWait(samples()[:1])}, nil
	case "flood":
		return fake{source: thenWait([]*conn.Sample{flood()})}, nil
	case "busy":
		return fake{source: busy}, nil
	case "loss":
		return fake{source: replay(lossy())}, nil
	case "faults":
		all := samples()
		for i, s := range all[1:] { // the slice of a collector is used again
			s.Faults = []string{"owners of connections (read an iterator: input/output error)", "UDP flows\x1b[2J (EIO)"}[:1+i%2]
		}
		return fake{source: replay(all)}, nil
	case "places":
		return fake{source: replay([]*conn.Sample{inPlaces()})}, nil
	case "transitions":
		all := samples()
		for _, s := range all {
			s.Transitions = []conn.Transition{}
		}
		id := all[0].Conns[1].ID // curl's
		all[1].Transitions = append(all[1].Transitions,
			conn.Transition{ID: conn.ID{Cookie: 6}, Time: 100*second + 3*second/4, From: conn.FinWait2, To: conn.Closed},
			conn.Transition{ID: id, Time: 100*second + second/8, From: conn.SynSent, To: conn.Established},
			conn.Transition{ID: id, Time: 100*second + second/4, From: conn.Established, To: conn.CloseWait})
		return fake{source: replay(all)}, nil
	case "missing":
		return fake{source: replay(samples()), missing: []string{"datagrams of QUIC\x1b[0m"}}, nil
	}
	return fake{source: replay(samples())}, nil
}

// openFakeDiag is what sock_diag would say of the same host.
func openFakeDiag(cfg conn.Config) (cli.Collector, error) {
	if os.Getenv("TCPTOP_FAKE_DIAG") == "absent" {
		return nil, &conn.UnsupportedError{Origin: conn.FromDiag, What: "sock_diag", Err: os.ErrNotExist}
	}
	s := sample(0, tcp(2, "curl", "192.0.2.1", 40000, "203.0.113.9", 443))
	s.Origin = conn.FromDiag
	missing := []string{"connections shorter than a tick", "bytes of UDP"}
	return fake{source: replay([]*conn.Sample{s}), missing: missing}, nil
}

// confineFake is a kernel that has nothing to confine files with, where TCPTOP_FAKE_CONFINE
// says so.
func confineFake(cfg sandbox.Config) (sandbox.Held, error) {
	if os.Getenv("TCPTOP_FAKE_CONFINE") == "" {
		return sandbox.Held{}, nil
	}
	held := sandbox.Held{Lacks: []string{"Landlock (files)"}}
	if cfg.Strict {
		return held, &sandbox.LackingError{What: held.Lacks}
	}
	return held, nil
}

// examineFake is what would be found of it.
func examineFake(version string) (*doctor.Report, error) {
	r := &doctor.Report{
		Version: version, Kernel: "6.18.0", Arch: "amd64", Tier: doctor.Full, Missing: []string{},
		Facts: []doctor.Fact{{Name: "BTF", Value: "/sys/kernel/btf/vmlinux"}, {Name: "seccomp", Value: "filter", Note: "may forbid bpf(2)"}},
		Hooks: []doctor.Hook{
			{Program: "tt_sweep", Section: "syscall", What: "counters of TCP", Works: true},
			{Program: "tt_consume", Section: "fentry/skb_consume_udp", What: "UDP reads", Why: "operation not permitted"},
		},
	}
	switch os.Getenv("TCPTOP_FAKE") {
	case "permission":
		r.Tier, r.Refused, r.Denied, r.Missing = doctor.Diag, "measuring in the kernel needs CAP_BPF", true, []string{"bytes of UDP"}
		r.Facts = append(r.Facts, doctor.Fact{Name: "capabilities", Value: "none", Bad: true, Note: "without CAP_BPF (eBPF)"})
		r.Hooks[0].Works, r.Hooks[0].Why = false, "refused\x1b[2J"
	case "unsupported":
		r.Tier, r.Refused = doctor.None, "this kernel lacks BTF"
	}
	return r, nil
}

// inPlaces has a row in each of some containers and units.
func inPlaces() *conn.Sample {
	s := sample(0)
	for i, p := range []conn.Place{
		{Container: "web", ContainerID: "4c0f5a", Image: "nginx:1", Pod: "web-0", Namespace: "prod", NetNS: "web-0", Cgroup: "/kubepods/a"},
		{Container: "web", ContainerID: "00ffee", Image: "nginx:2", Pod: "web-1", Namespace: "test", NetNS: "web-1", Cgroup: "/kubepods/b"},
		{ContainerID: "5eed12", Unit: "docker-5eed12.scope", Slice: "system.slice", Cgroup: "/system.slice/docker-5eed12.scope"},
		{Unit: "session-3.scope", Slice: "user-0.slice", Session: "3", NetNS: "evil\x1b[2J", Cgroup: "/user.slice/user-0.slice/session-3.scope"},
	} {
		c := tcp(uint64(i+1), "app", "192.0.2.1", uint16(40000+i), "203.0.113.9", 443)
		c.Place, c.RTT = &p, uint32(20_000*(i+2))
		s.Conns = append(s.Conns, c)
	}
	return s
}

// protocols has one row for each protocol that cfg asks for.
func protocols(cfg conn.Config) []conn.Conn {
	var rows []conn.Conn
	if cfg.TCP {
		rows = append(rows, conn.Conn{ID: conn.ID{Cookie: 1}, Proto: conn.TCP, State: conn.Listen})
	}
	if cfg.UDP {
		rows = append(rows, conn.Conn{ID: conn.ID{Cookie: 2}, Proto: conn.UDP})
	}
	return rows
}

// replay yields ss and ends.
func replay(ss []*conn.Sample) conn.Source {
	return func(context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			for _, s := range ss {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// thenWait yields ss, and one last sample when ctx ends.
func thenWait(ss []*conn.Sample) conn.Source {
	return func(ctx context.Context) iter.Seq2[*conn.Sample, error] {
		return func(yield func(*conn.Sample, error) bool) {
			for _, s := range ss {
				if !yield(s, nil) {
					return
				}
			}
			<-ctx.Done()
			last := *ss[len(ss)-1]
			last.Mono += second
			last.Last = true
			last.Conns, last.Closed = nil, []conn.Conn{ended(99, "last-word")}
			yield(&last, nil)
		}
	}
}

// busy yields ticks until ctx ends, as fast as they are taken.
func busy(ctx context.Context) iter.Seq2[*conn.Sample, error] {
	return func(yield func(*conn.Sample, error) bool) {
		s := sample(0, tcp(2, "curl", "192.0.2.1", 40000, "203.0.113.9", 443))
		for {
			s.Last = ctx.Err() != nil
			if !yield(s, nil) || s.Last {
				return
			}
			s.Mono += second
			s.Time = s.Time.Add(time.Second)
			s.Conns[0].RxBytes += 7
		}
	}
}

// broken yields one sample and fails.
func broken(context.Context) iter.Seq2[*conn.Sample, error] {
	return func(yield func(*conn.Sample, error) bool) {
		if yield(samples()[0], nil) {
			yield(nil, errors.New("read slots: \x1b[31mmap is gone"))
		}
	}
}

func addr(s string) conn.Addr { return conn.AddrFrom(netip.MustParseAddr(s)) }

// tcp is an established connection that has sent and received a little.
func tcp(cookie uint64, comm, laddr string, lport uint16, raddr string, rport uint16) conn.Conn {
	return conn.Conn{
		ID:    conn.ID{Cookie: cookie},
		Has:   conn.HasBytes | conn.HasPackets | conn.HasPath | conn.HasUID | conn.HasRaddr,
		Proto: conn.TCP, State: conn.Established, Dir: conn.Out,
		Laddr: addr(laddr), Lport: lport, Raddr: addr(raddr), Rport: rport,
		NetNS: hostNetNS, UID: 1000, Owner: conn.Owner{PID: 4000 + uint32(cookie), Comm: conn.MakeName(comm)},
		RxBytes: 100 * cookie, TxBytes: 10 * cookie, RTT: 1000 * uint32(cookie),
		Opened: 90 * second, LastActive: 99 * second,
	}
}

// ended is a connection that opened and closed between two ticks.
func ended(cookie uint64, comm string) conn.Conn {
	c := tcp(cookie, comm, "192.0.2.1", 41000, "203.0.113.7", 80)
	c.State, c.Reason, c.Opened = conn.Closed, conn.FinRemote, 100*second+second/2
	return c
}

// samples are three ticks: what is there, one that moves while others open and
// close, and one that moves less.
func samples() []*conn.Sample {
	listener := conn.Conn{
		ID: conn.ID{Cookie: 1}, Has: conn.HasBacklog | conn.HasUID, Proto: conn.TCP, State: conn.Listen, Dir: conn.DirListen,
		Laddr: addr("::"), Lport: 443, NetNS: hostNetNS, Owner: conn.Owner{PID: 80, Comm: conn.MakeName("nginx")}, BacklogMax: 511,
	}
	curl := tcp(2, "curl", "192.0.2.1", 40000, "203.0.113.9", 443)
	ssh := tcp(3, "ssh", "2001:db8::1", 40001, "2001:db8::2", 22)
	ssh.UID, ssh.NetNS = 0, blueNetNS
	mapped := tcp(4, "java", "::ffff:10.0.0.1", 8080, "::ffff:10.0.0.2", 50000)
	mapped.State = conn.CloseWait
	dns := conn.Conn{
		ID: conn.ID{Cookie: 5, Serial: 7}, Has: conn.HasBytes | conn.HasPackets | conn.HasRaddr, Proto: conn.UDP, Dir: conn.In,
		Laddr: addr("192.0.2.1"), Lport: 53, Raddr: addr("198.51.100.2"), Rport: 65000, NetNS: hostNetNS,
		Partial: true, RxBytes: 40, RxPackets: 1, LastActive: 100 * second,
	}
	first := sample(0, listener, curl, ssh, mapped, dns)
	curl.RxBytes += 2_500_000
	ssh.TxBytes += 48
	next := sample(1, curl, ssh)
	next.Closed = []conn.Conn{ended(6, "evil\x1b[2J,\"\n\xff"), ended(7, "=cmd()")}
	ssh.RxBytes += 5000
	return []*conn.Sample{first, next, sample(2, ssh)}
}

func sample(tick int, conns ...conn.Conn) *conn.Sample {
	return &conn.Sample{
		Time: time.Date(2026, 11, 23, 18, 0, tick, 0, time.UTC), Mono: 100*second + int64(tick)*second,
		Host: "testhost", Origin: conn.FromBPF, Conns: conns,
	}
}

// flood is one tick that no pipe takes at once.
func flood() *conn.Sample {
	s := sample(0)
	for i := range 20_000 {
		s.Conns = append(s.Conns, tcp(uint64(i+1), "flood", "192.0.2.1", 40000, "203.0.113.9", 443))
	}
	return s
}

// lossy loses rows and datagrams in its second tick.
func lossy() []*conn.Sample {
	ss := slices.Clone(samples())
	for _, s := range ss[1:] {
		s.Loss = conn.Loss{TableFull: 12, RingFull: 3, FlowsFull: 6}
		s.Totals = []conn.OwnerTotal{
			{PID: 7, Comm: conn.MakeName("a\nb"), Conns: 5, RxBytes: 1_200_000, TxBytes: 300},
			{PID: 7, Comm: conn.MakeName("a\nb"), Proto: conn.UDP, Raddr: conn.Addr{15: 2}, Datagrams: 6, TxBytes: 700},
			{UID: 33, Conns: 8, Raddr: conn.Addr{15: 1}}, {PID: 11, Comm: conn.MakeName("e"), Raddr: conn.Addr{15: 1}, Open: 4, OpenRx: 70}, {PID: 9, Comm: conn.MakeName("c"), Conns: 1}, {PID: 10, Comm: conn.MakeName("d"), Conns: 1},
		}
	}
	return ss
}
