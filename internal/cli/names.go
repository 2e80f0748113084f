package cli

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/names"
)

// remotes names remote addresses; nil, which names none, with -N.
func (p *plan) remotes() *names.Namer {
	if p.numeric {
		return nil
	}
	return names.New(names.Config{})
}

const (
	maxHostNames  = 1 << 13
	hostResolvers = 4
	resolveWithin = 3 * time.Second
)

// hostNames asks the resolver for the names of addresses, a few at a time and
// only for those that somebody looks at. Nobody waits for it.
type hostNames struct {
	ctx   context.Context
	once  sync.Once
	asked chan netip.Addr

	mu    sync.Mutex
	names map[netip.Addr]string // "" was asked for, or has none
}

func newHostNames(ctx context.Context) *hostNames {
	return &hostNames{ctx: ctx, asked: make(chan netip.Addr, 256), names: make(map[netip.Addr]string)}
}

// name is what is known of the name of a, "" where that is nothing yet.
func (h *hostNames) name(a netip.Addr) string {
	h.once.Do(func() {
		for range hostResolvers {
			go h.resolve()
		}
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	name, known := h.names[a]
	if known {
		return name
	}
	select {
	case h.asked <- a:
		if len(h.names) >= maxHostNames {
			clear(h.names)
		}
		h.names[a] = ""
	default: // asked again with the next picture
	}
	return ""
}

func (h *hostNames) resolve() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case a := <-h.asked:
			ctx, cancel := context.WithTimeout(h.ctx, resolveWithin)
			names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
			cancel()
			if err == nil && len(names) > 0 {
				h.mu.Lock()
				h.names[a] = strings.TrimSuffix(names[0], ".")
				h.mu.Unlock()
			}
		}
	}
}

// services reads the names of ports (services(5)).
func services() func(conn.Proto, uint16) string {
	names := map[conn.Proto]map[uint16]string{conn.TCP: {}, conn.UDP: {}}
	f, err := os.Open("/etc/services")
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(fields[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		of := map[string]conn.Proto{"tcp": conn.TCP, "udp": conn.UDP}[proto]
		if err == nil && of != 0 && names[of][uint16(port)] == "" {
			names[of][uint16(port)] = fields[0]
		}
	}
	return func(proto conn.Proto, port uint16) string {
		if proto == 0 {
			proto = conn.TCP
		}
		return names[proto][port]
	}
}
