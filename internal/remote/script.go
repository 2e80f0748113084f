package remote

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fields are what is asked of a host: those of line but for what goes into the line of
// a tick alone.
var fields = []string{
	"ts", "event", "schema", "conn", "proto", "state", "dir", "laddr", "lport", "raddr", "rport", "rname", "rname_source", "asn", "as_org", "country",
	"netns", "netns_name", "iface", "pid", "comm", "cmdline", "exe", "uid", "user", "owners", "owner_source",
	"cgroup", "unit", "slice", "session", "container", "container_id", "image", "pod", "namespace",
	"rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_rate", "tx_rate",
	"rtt_us", "rttvar_us", "min_rtt_us", "retrans_packets", "retrans_bytes", "lost_packets", "reordered_packets", "ce_packets",
	"cwnd", "ssthresh", "mss", "cc", "ca_state", "ecn", "app_limited", "pacing_rate", "delivery_rate", "snd_wnd", "rcv_wnd",
	"send_queue", "unsent_bytes", "recv_queue", "busy_ms", "rwnd_limited_ms", "sndbuf_limited_ms", "zero_window_ms", "probes",
	"recv_buffer", "backlog", "backlog_max", "drops", "send_errors",
	"accepts", "accept_rate", "accept_p50_us", "accept_p99_us", "syn_queue", "syn_flood", "listen_overflows", "listen_drops", "syncookies_sent",
	"limit", "limit_share", "age_ms", "idle_ms", "connect_us", "accept_us", "syn_retries", "close_reason", "close_detail", "errno",
	"partial", "source",
}

// command is what the shell of a host is given: one line for any login shell, which
// hands it to sh(1).
func (c *Config) command() string {
	script := c.runThere()
	if c.Copy != nil {
		script = c.copyThere()
	}
	return "exec sh -c " + quote(script)
}

// arguments are those of the tcptop there; the older ones are for one that does not know
// the newer flags.
func (c *Config) arguments() (now, older string) {
	base := []string{"-b", "-o", "jsonl", "-d", strconv.FormatFloat(c.Interval.Seconds(), 'f', -1, 64) + "s"}
	base = append(base, c.Args...)
	older = quoteAll(base)
	return quoteAll(append(base, "--changes", "--fields", strings.Join(fields, ","))), older
}

// runThere runs the tcptop that the host has. One that does not know the flags exits with 2,
// before it prints anything, and is asked for what every one knows.
func (c *Config) runThere() string {
	now, older := c.arguments()
	run := "tcptop "
	if c.Sudo {
		run = "sudo -n tcptop "
	}
	return "PATH=$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin; export PATH; " +
		run + now + "; s=$?; [ $s -eq 2 ] || exit $s; exec " + run + older
}

// copyThere runs a copy. What arrives is an open file that has no name any more, and that file
// is what runs: nothing is left whatever ends it, SIGKILL too. Only while a place is looked for is
// there a directory, for some milliseconds.
func (c *Config) copyThere() string {
	now, _ := c.arguments()
	start := "exec /proc/self/fd/3 " + now
	if c.Sudo { // which closes what is open, and gets it from this shell, who waits
		start = "sudo -n /proc/$$/fd/3 " + now + "; exit $?"
	}
	return strings.Join([]string{
		"umask 077",
		fmt.Sprintf(`m=$(uname -s)/$(uname -m); case $m in %s) ;; *) echo "tcptop: that host is $m, the program to copy is for %s" >&2; exit %d ;; esac`, machine(c.Arch), c.Arch, exitMachine),
		"d=; trap '[ -z \"$d\" ] || rm -rf \"$d\"' EXIT; trap 'exit 1' HUP INT PIPE TERM",
		// A directory may be mounted so that nothing in it can be run.
		`for t in "${TMPDIR:-/tmp}" /var/tmp /dev/shm "$HOME"; do d=$(mktemp -d "$t/tcptop.XXXXXXXXXX" 2>/dev/null) || { d=; continue; }; ` +
			`echo "#!/bin/sh" >"$d/tcptop" && chmod 700 "$d/tcptop" && "$d/tcptop" 2>/dev/null && break; rm -rf "$d"; d=; done`,
		fmt.Sprintf(`[ -n "$d" ] || { echo "tcptop: no directory there to run a program from" >&2; exit %d; }`, exitMachine),
		`exec 4>"$d/tcptop" 3<"$d/tcptop"; rm -rf "$d"; d=`,
		fmt.Sprintf(`cat >&4; exec 4>&-; [ "$(wc -c <&3)" -eq %d ] || { echo "tcptop: the copy did not arrive" >&2; exit 1; }`, len(c.Copy)),
		start,
	}, "; ")
}

// exitMachine is the code for a host that can't run the copy (EX_UNAVAILABLE).
const exitMachine = 69

// machine is what uname says where a program for goarch runs.
func machine(goarch string) string {
	switch goarch {
	case "amd64":
		return "Linux/x86_64"
	case "arm64":
		return "Linux/aarch64"
	}
	return "Linux/" + goarch
}

// quote makes s one word for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// options of ssh, before those of its configuration. Nobody is asked for anything: there is
// a screen where ssh would ask, and a host that comes back must not wait for a person.
// Nothing of this host is lent to the other one.
func (c *Config) sshArgs(t Target) []string {
	args := []string{"-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "LogLevel=ERROR"}
	if c.Copy != nil {
		args = append(args, "-C")
	}
	if t.Port != 0 {
		args = append(args, "-p", strconv.Itoa(int(t.Port)))
	}
	return append(args, "--", t.Dest, c.command())
}

// patience is for how long a host may say nothing before it is taken for gone.
func (c *Config) patience() time.Duration { return max(20*time.Second, 10*c.Interval) }

// late is for how long a host may say nothing before it is called slow.
func (c *Config) late() time.Duration { return max(3*time.Second, 3*c.Interval) }
