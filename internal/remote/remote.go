package remote

import (
	"context"
	"iter"
	"sync"
	"time"

	"tcptop/internal/table"
)

// Config says which hosts are asked and how.
type Config struct {
	SSH      string // path of ssh(1)
	Environ  []string
	Hosts    []Target
	Interval time.Duration
	Args     []string // for the tcptop there, besides what says how it prints
	Sudo     bool     // run it as root there, by sudo -n
	Ends     bool     // both ends of a connection between two of the hosts stay rows of their own
	Copy     []byte   // the program to copy there; nil is what the host has
	Arch     string   // that it is for, as Go calls it
	// Wait is for how long the first snapshot waits for a tick of every host that has not failed.
	Wait time.Duration
}

// Hosts are several hosts that are asked at once.
type Hosts struct {
	cfg   *Config
	hosts []*host
	joint *table.Joint
	clock []clock
	start time.Time
	base  int64 // of monotonic times, so that what is older than us has one too
}

// clock is how a host's clock goes against ours.
type clock struct {
	known   bool
	offset  int64
	missing []string
}

// New returns hosts that nobody talks to yet.
func New(cfg *Config) *Hosts {
	now := time.Now()
	h := &Hosts{cfg: cfg, start: now, base: now.UnixNano(), clock: make([]clock, len(cfg.Hosts))}
	names := make([]string, len(cfg.Hosts))
	for i, t := range cfg.Hosts {
		names[i] = t.Name
		h.hosts = append(h.hosts, &host{cfg: cfg, target: t, ticks: make(chan *tick, queued)})
	}
	h.joint = table.NewJoint(names, maxRows)
	if cfg.Ends {
		h.joint.Apart()
	}
	return h
}

// Snapshots talks to the hosts until ctx ends and yields what they say once per interval. When it
// returns, no ssh is left.
func (h *Hosts) Snapshots(ctx context.Context) iter.Seq[*table.Snapshot] {
	return func(yield func(*table.Snapshot) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for _, one := range h.hosts {
			running.Go(func() { one.run(ctx) })
		}
		if !h.await(ctx) {
			return
		}
		every := time.NewTicker(h.cfg.Interval)
		defer every.Stop()
		for {
			now := time.Now()
			if !yield(h.join(now)) {
				return
			}
			select {
			case <-every.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// await waits until every host has said something or failed, Wait at most.
func (h *Hosts) await(ctx context.Context) bool {
	limit := time.After(h.cfg.Wait)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		waiting := 0
		for _, one := range h.hosts {
			if state, _, _ := one.now(); state == table.HostNew {
				waiting++
			}
		}
		if waiting == 0 || h.cfg.Wait == 0 {
			return true
		}
		select {
		case <-limit:
			return true
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
}

// join takes what the hosts have said since the last time.
func (h *Hosts) join(now time.Time) *table.Snapshot {
	mono := h.base + int64(now.Sub(h.start))
	for i, one := range h.hosts {
		state, why, _ := one.now()
		heard := h.drain(i, one, mono)
		switch {
		case state == table.HostOK && !heard && h.joint.Heard(i) != 0 && mono-h.joint.Heard(i) > int64(h.cfg.late()):
			state = table.HostSlow
		case state == table.HostNew && h.joint.Heard(i) != 0:
			state = table.HostGone
		}
		h.joint.State(i, state, why, mono)
		if state == table.HostGone {
			h.clock[i] = clock{}
		}
	}
	return h.joint.Snapshot(now.UTC(), mono)
}

// drain takes the ticks of a host that wait.
func (h *Hosts) drain(i int, one *host, mono int64) (heard bool) {
	for range queued {
		select {
		case t := <-one.ticks:
			h.apply(i, t, mono)
			heard = true
		default:
			return heard
		}
	}
	return heard
}

// clockStep is by how much a host's clock may go wrong before it is read anew.
const clockStep = int64(5 * time.Second)

// apply takes a tick in, its times made ours. The host's clock is ahead or behind by what the
// tick that came fastest says.
func (h *Hosts) apply(i int, t *tick, mono int64) {
	c := &h.clock[i]
	if off := mono - t.clock; !c.known || t.First || off < c.offset || off-c.offset > clockStep {
		c.known, c.offset = true, off
	}
	ours := func(at *int64) {
		if *at != 0 {
			*at = min(max(*at+c.offset, 1), mono)
		}
	}
	for n := range t.Rows {
		r := &t.Rows[n]
		ours(&r.Opened)
		ours(&r.LastActive)
		ours(&r.Sampled)
	}
	c.missing = t.missing
	t.Mono = mono
	h.joint.Apply(i, &t.Told)
}

// Missing is what the hosts do not measure, each with its name.
func (h *Hosts) Missing() []string {
	var all []string
	for i := range h.clock {
		for _, what := range h.clock[i].missing {
			all = append(all, h.cfg.Hosts[i].Name+": "+what)
		}
	}
	return all
}

// Failed is why no host at all can be asked, by host; nil where one can, or still may be.
func (h *Hosts) Failed() []string {
	var all []string
	for i, one := range h.hosts {
		state, why, tries := one.now()
		if state != table.HostGone || tries == 0 || h.joint.Heard(i) != 0 {
			return nil
		}
		all = append(all, h.cfg.Hosts[i].Name+": "+why)
	}
	return all
}
