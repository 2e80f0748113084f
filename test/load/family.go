package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// family is how a socket speaks IP.
type family int

// The families: IPv4, IPv6, and IPv4 through an IPv6 socket.
const (
	v4 family = iota
	v6
	mapped
	families
)

// domain returns the address family to open a socket with.
func (f family) domain() int {
	if f == v4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// loopback returns the loopback address as a socket of this family names it.
func (f family) loopback() netip.Addr {
	switch f {
	case v4:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case v6:
		return netip.IPv6Loopback()
	default:
		return netip.AddrFrom16(netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16())
	}
}

// sockaddr converts a to what a socket of this family takes.
func (f family) sockaddr(a netip.AddrPort) unix.Sockaddr {
	if f == v4 {
		return &unix.SockaddrInet4{Addr: a.Addr().Unmap().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// addrPort converts a kernel address; v4-mapped becomes plain IPv4.
func addrPort(sa unix.Sockaddr) (netip.AddrPort, error) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("socket address of type %T", sa)
}
