package names

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tcptop/internal/conn"
)

const (
	maxReverse    = 1 << 13 // addresses that were asked about
	resolvers     = 4
	resolveWithin = 3 * time.Second
)

// Reverse asks what addresses are called, a few at a time and only those that somebody
// looks at. This is all that makes tcptop send packets. Nobody waits for it.
type Reverse struct {
	ctx    context.Context
	lookup func(context.Context, netip.Addr) (string, error)
	once   sync.Once
	asked  chan netip.Addr

	mu    sync.Mutex
	names map[netip.Addr]string // "" was asked about, or has none
	news  []found
}

// found is an address whose name has become known.
type found struct {
	addr conn.Addr
	name string
}

// NewReverse returns a Reverse that asks lookup, which may take long and is called by
// several goroutines, until ctx ends.
func NewReverse(ctx context.Context, lookup func(context.Context, netip.Addr) (string, error)) *Reverse {
	return &Reverse{ctx: ctx, lookup: lookup, asked: make(chan netip.Addr, 256), names: make(map[netip.Addr]string)}
}

// Name is what is known of the name of a, "" where that is nothing yet.
func (r *Reverse) Name(a netip.Addr) string {
	r.once.Do(func() {
		for range resolvers {
			go r.resolve()
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	name, known := r.names[a]
	if known || !asks(a) {
		return name
	}
	select {
	case r.asked <- a:
		if len(r.names) >= maxReverse {
			clear(r.names)
		}
		r.names[a] = ""
	default: // asked again with the next picture
	}
	return ""
}

// asks reports whether a can have a name.
func asks(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() }

func (r *Reverse) resolve() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case a := <-r.asked:
			ctx, cancel := context.WithTimeout(r.ctx, resolveWithin)
			name, err := r.lookup(ctx, a)
			cancel()
			if name = strings.TrimSuffix(name, "."); err == nil && name != "" {
				r.learn(a, name)
			}
		}
	}
}

func (r *Reverse) learn(a netip.Addr, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[a] = name
	if len(r.news) < maxReverse {
		r.news = append(r.news, found{conn.AddrFrom(a), name})
	}
}

// take returns what has become known since the last call.
func (r *Reverse) take() []found {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.news
	r.news = nil
	return news
}
