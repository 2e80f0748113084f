package cli

import (
	"errors"
	"fmt"
	"strings"

	"tcptop/internal/conn"
)

// What --backend takes.
const (
	backendAuto = "auto"
	backendBPF  = "bpf"
	backendDiag = "diag"
)

// collector opens what the command line asks for, and says what it will not measure;
// "" is nothing. Where eBPF is refused and nobody insists on it, sock_diag measures. Once
// it is open, what is not needed any more is given up.
func (p *plan) collector() (_ Collector, notice string, err error) {
	var refused error
	if p.backend != backendDiag {
		c, err := p.env.Open(p.measure)
		p.explain(err)
		switch {
		case err == nil:
			if c, err = p.within(c, conn.FromBPF); err != nil {
				return nil, "", err
			}
			return c, without(c, "", "not measured here: "), nil
		case p.backend == backendBPF || !refusal(err):
			return nil, "", p.env.openFailure(err)
		}
		refused = err
	}
	c, err := p.env.OpenDiag(p.measure)
	switch {
	case err != nil && refused != nil:
		f := p.env.openFailure(refused)
		f.msg += "; nor can sock_diag measure: " + err.Error()
		return nil, "", f
	case err != nil:
		return nil, "", p.env.openFailure(err)
	}
	if c, err = p.within(c, conn.FromDiag); err != nil {
		return nil, "", err
	}
	if refused != nil {
		f := p.env.openFailure(refused)
		return c, without(c, f.hint, f.msg+"; sock_diag measures instead, without "), nil
	}
	return c, without(c, "", "sock_diag measures, without "), nil
}

// explain prints what the kernel said, for whoever asked for it.
func (p *plan) explain(err error) {
	var unsupported *conn.UnsupportedError
	if p.debug && errors.As(err, &unsupported) && unsupported.Detail != "" {
		fmt.Fprint(p.env.Stderr, message(strings.TrimSpace(unsupported.Detail), ""))
	}
}

// without is the line that says what c does not measure, after a beginning.
func without(c Collector, hint, begin string) string {
	missing := c.Missing()
	if len(missing) == 0 {
		return ""
	}
	return message(begin+strings.Join(missing, "; "), hint)
}

// refusal reports whether err is the system's no to eBPF, not a fault on the way.
func refusal(err error) bool {
	var permission *conn.PermissionError
	var unsupported *conn.UnsupportedError
	return errors.As(err, &permission) || errors.As(err, &unsupported)
}
