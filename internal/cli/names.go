package cli

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"

	"tcptop/internal/conn"
	"tcptop/internal/names"
)

// remotes names remote addresses; with -N it tells their networks alone. Without a
// reverse nobody is asked: no packet leaves the host.
func (p *plan) remotes(reverse *names.Reverse) *names.Namer {
	cfg := p.env.Remotes
	switch {
	case p.numeric && p.networks == nil:
		return nil
	case p.numeric:
		cfg = names.Config{}
	}
	cfg.Reverse, cfg.Networks = reverse, p.networks
	return names.New(cfg)
}

// reverse asks for names of addresses that somebody looks at; nil with -N.
func (p *plan) reverse(ctx context.Context) *names.Reverse {
	if p.numeric || p.env.LookupAddr == nil {
		return nil
	}
	return names.NewReverse(ctx, p.env.LookupAddr)
}

// portName is the name of a port; nil with -N.
func (p *plan) portName() func(conn.Proto, uint16) string {
	if p.numeric || p.env.Services == "" {
		return nil
	}
	return names.Services(p.env.Services)
}

func lookupAddr(ctx context.Context, a netip.Addr) (string, error) {
	all, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

// hostNames is the file of names, which speaks of the network that this process is in.
func hostNames() names.Config {
	cfg := names.Config{Hosts: "/etc/hosts"}
	if info, err := os.Stat("/proc/self/ns/net"); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			cfg.NetNS = uint32(stat.Ino)
		}
	}
	return cfg
}
