package filter

import (
	"fmt"
	"net/netip"
	"strings"
)

// addrRange is a range of addresses of one family, both ends included.
type addrRange struct{ from, to netip.Addr }

func (p *parser) addrs(items []item) ([]addrRange, *Error) {
	all := make([]addrRange, 0, len(items))
	for _, it := range items {
		r, ok := parseAddrs(it.text)
		if !ok {
			return nil, p.errorIn(it, fmt.Sprintf("%q is no address", it.text)).
				hint("such as 10.0.0.7, 10.0.0.0/8, 10.0.0.1-10.0.0.9 or 2001:db8::/32")
		}
		all = append(all, r)
	}
	return all, nil
}

func parseAddrs(text string) (addrRange, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefixRange(prefix), true
	}
	low, high, isRange := strings.Cut(text, "-")
	from, err := netip.ParseAddr(low)
	if err != nil || from.Zone() != "" {
		return addrRange{}, false
	}
	from = from.Unmap()
	if !isRange {
		return addrRange{from, from}, true
	}
	to, err := netip.ParseAddr(high)
	if err != nil || to.Zone() != "" {
		return addrRange{}, false
	}
	to = to.Unmap()
	return addrRange{from, to}, from.BitLen() == to.BitLen() && from.Compare(to) <= 0
}

// prefixRange takes a v4-mapped prefix as the IPv4 one, as rows show it.
func prefixRange(p netip.Prefix) addrRange {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	from := p.Masked().Addr()
	last := from.AsSlice()
	for i := p.Bits(); i < len(last)*8; i++ {
		last[i/8] |= 1 << (7 - i%8)
	}
	to, _ := netip.AddrFromSlice(last)
	return addrRange{from, to}
}
