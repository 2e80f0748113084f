package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit/truth"
)

// states brings up sockets in every TCP state. What a state needs lost is lost
// at a socket that is deaf, so no firewall is asked and nothing else suffers.
type states struct {
	con      *console
	deadline time.Time
	lobby    *lobby
	common   truth.Record
	said     int
}

// deafenProgram is a classic BPF socket filter that drops every packet.
func deafenProgram() *unix.SockFprog {
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	return &unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]}
}

// deafen makes a socket lose all that arrives. TCP runs a socket's filter before
// it looks at a segment, a SYN or SYN-ACK too (net/ipv4/tcp_ipv4.c, tcp_filter).
func deafen(fd int) error {
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, deafenProgram()); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

func statesMain(args []string, c *console) error {
	s := &states{con: c, deadline: time.Now().Add(30 * time.Second)}
	if err := flag.NewFlagSet("states", flag.ContinueOnError).Parse(args); err != nil {
		return err
	}
	var err error
	if s.common, err = self(); err != nil {
		return err
	}
	if s.lobby, err = openLobby(); err != nil {
		return err
	}
	for f := range families {
		// Last comes what does not last: time-wait ends by itself after 60 s.
		for _, bring := range []func(family) error{
			s.listening, s.established, s.synSent, s.synRecv, s.finWait1,
			s.closeWait, s.lastAck, s.closing, s.timeWait} {
			if err := bring(f); err != nil {
				return err
			}
		}
	}
	return c.hold(s.said)
}

// tell prints an end's truth after the kernel agrees on its state.
func (s *states) tell(e *end, state string) error {
	want, ok := tcpStates()[state]
	if !ok {
		return fmt.Errorf("no state %s", state)
	}
	err := await(s.deadline, state, func() (bool, error) {
		info, err := unix.GetsockoptTCPInfo(e.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return false, fmt.Errorf("tcp_info: %w", err)
		}
		return info.State == want, nil
	})
	if err != nil {
		return err
	}
	e.State = state
	s.said++
	return e.tell(s.con)
}

func tcpStates() map[string]uint8 {
	return map[string]uint8{
		"established": unix.BPF_TCP_ESTABLISHED, "syn-sent": unix.BPF_TCP_SYN_SENT,
		"syn-recv": unix.BPF_TCP_SYN_RECV, "fin-wait-1": unix.BPF_TCP_FIN_WAIT1,
		"fin-wait-2": unix.BPF_TCP_FIN_WAIT2, "close-wait": unix.BPF_TCP_CLOSE_WAIT,
		"last-ack": unix.BPF_TCP_LAST_ACK, "listen": unix.BPF_TCP_LISTEN,
		"closing": unix.BPF_TCP_CLOSING,
	}
}

// loose describes a socket that has no peer, or whose peer it can't name yet.
func (s *states) loose(fd int, dir string, remote netip.AddrPort) (*end, error) {
	local, err := localAddr(fd)
	if err != nil {
		return nil, err
	}
	e := &end{Record: s.common, fd: fd}
	e.Kind, e.Proto, e.Dir = "state", "tcp", dir
	e.Laddr, e.Lport = local.Addr(), local.Port()
	e.Raddr, e.Rport = remote.Addr().Unmap(), remote.Port()
	return e, nil
}

// orphan prints the truth of a socket that belongs to no descriptor.
func (s *states) orphan(e *end, state string) error {
	e.State, e.Cookie, e.PID, e.Comm = state, "", 0, ""
	s.said++
	return s.con.say(e.Record)
}

func (s *states) shutdown(ends ...*end) error {
	var errs []error
	for _, e := range ends {
		errs = append(errs, unix.Shutdown(e.fd, unix.SHUT_WR))
	}
	return errors.Join(errs...)
}
