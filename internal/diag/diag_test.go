package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// TestTry has kernels that answer for one protocol, for none, or not to us.
func TestTry(t *testing.T) {
	none := fmt.Errorf("ask sock_diag: %w", unix.ENOENT)
	for _, c := range []struct {
		name             string
		wantTCP, wantUDP bool  // asked for
		tcp, udp         error // the kernel's answer
		left             [2]bool
		missing          string
		err              error
	}{
		{name: "all", wantTCP: true, wantUDP: true, left: [2]bool{true, true}},
		{name: "no udp_diag", wantTCP: true, wantUDP: true, udp: none, left: [2]bool{true, false}, missing: "UDP (module udp_diag: not there)"},
		{name: "no tcp_diag", wantTCP: true, wantUDP: true, tcp: none, left: [2]bool{false, true}, missing: "TCP (module tcp_diag: not there)"},
		{name: "neither", wantTCP: true, wantUDP: true, tcp: none, udp: none, err: &conn.UnsupportedError{}},
		{name: "TCP alone, no tcp_diag", wantTCP: true, tcp: none, err: &conn.UnsupportedError{}},
		{name: "UDP alone, no udp_diag", wantUDP: true, udp: none, err: &conn.UnsupportedError{}},
		{name: "refused", wantTCP: true, wantUDP: true, tcp: unix.EACCES, udp: unix.EACCES, err: &conn.PermissionError{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Diag{cfg: conn.Config{TCP: c.wantTCP, UDP: c.wantUDP}}
			err := d.try(func(p conn.Proto) error {
				if p == conn.UDP {
					return c.udp
				}
				return c.tcp
			})
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", c.err) {
				t.Fatalf("%v, want %T", err, c.err)
			}
			if c.err != nil {
				return
			}
			if got := [2]bool{d.cfg.TCP, d.cfg.UDP}; got != c.left || strings.Join(d.Missing(), ";") != c.missing {
				t.Errorf("measures %v, misses %q", got, d.Missing())
			}
		})
	}
}

// TestErrors keeps what the system said within the typed errors.
func TestErrors(t *testing.T) {
	if err := classify("list", unix.EPERM); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if err := classify("list", unix.EPROTONOSUPPORT); !errors.Is(err, unix.EPROTONOSUPPORT) || !strings.Contains(err.Error(), "CONFIG_INET_DIAG") {
		t.Errorf("%v", err)
	}
	if err := classify("list", unix.EMFILE); err.Error() != "list: too many open files" {
		t.Errorf("%v", err)
	}
}
