package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcptop/internal/testkit"
)

// borrowing is tcptop with capabilities of its file, as packaging/allow gives them.
func borrowing(t *testing.T) string {
	t.Helper()
	path := reachable(t)
	set, err := cap.FromText("cap_bpf,cap_perfmon,cap_net_admin,cap_sys_ptrace,cap_dac_read_search,cap_sys_admin+ep")
	must(t, err, set.SetFile(path))
	return path
}

// nobodyWith is tcptop as a user who has no capabilities, with the variables of env.
func nobodyWith(t *testing.T, path string, env []string, args ...string) *child {
	t.Helper()
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	return asNobody(t, path, nil, args...)
}

// hidden is a directory that only root may look into, though its files are for everybody.
func hidden(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	return dir
}

// TestBorrowedRights measures with capabilities of its file, and reads nothing with them that
// whoever started it could not.
func TestBorrowedRights(t *testing.T) {
	path := borrowing(t)
	secret := hidden(t, map[string][]byte{"x.mmdb": []byte("no database"), "config.toml": []byte("secret = 1\n"), "x.csv": []byte("secret\n")})
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says string
	}{
		{"networks", nil, []string{"-n", "1", "--mmdb", secret + "/x.mmdb"}, 2, "permission denied"},
		{"configuration", []string{"TCPTOP_CONFIG=" + secret + "/config.toml"}, []string{"-n", "1"}, 78, "permission denied"},
		{"recording", nil, []string{"record", "-n", "1", "-o", secret}, 77, "permission denied"},
		{"replay", nil, []string{"replay", secret}, 1, "permission denied"},
		{"report", nil, []string{"report", secret}, 1, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := nobodyWith(t, path, c.env, c.args...)
			out := <-p.rest()
			_, _ = p.ends()
			if code := p.cmd.ProcessState.ExitCode(); code != c.code || len(out) > 0 || !strings.Contains(p.stderr.String(), c.says) {
				t.Errorf("status %d, stdout %q, stderr %s", code, out, &p.stderr)
			}
		})
	}
	t.Run("log", func(t *testing.T) {
		p := nobodyWith(t, path, nil, "--log", secret+"/x.csv", "-n", "2", "-d", "100ms")
		<-p.rest()
		_, _ = p.ends()
		text, err := os.ReadFile(secret + "/x.csv")
		if err != nil || string(text) != "secret\n" || !strings.Contains(p.stderr.String(), "permission denied; what is not written is counted") {
			t.Errorf("%v, %q, stderr %s", err, text, &p.stderr)
		}
	})
	t.Run("measures", func(t *testing.T) {
		ns := testkit.NetNS(t)
		load := testkit.Start(t, ns, "bulk", "-n", "30", "-max", "100000", "-hold")
		truths := load.Ready()
		p := nobodyWith(t, path, nil, append(netns(ns), "-n", "1", "-o", "jsonl", "--tcp", "--backend", "bpf")...)
		rows := parse(t, <-p.rest())
		if _, err := p.ends(); err != nil {
			t.Fatalf("%v\n%s", err, &p.stderr)
		}
		if err := printed(rows, truths); err != nil {
			t.Error(err)
		}
		load.Finish()
	})
}

// TestBorrowedThreads has no capability in force that is not needed once it measures, and
// no way to more.
func TestBorrowedThreads(t *testing.T) {
	path := borrowing(t)
	p := nobodyWith(t, path, nil, "-d", "1h", "-o", "csv", "--backend", "bpf")
	p.firstLine()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(t, err)
	for _, set := range []string{"CapPrm", "CapEff"} {
		if line := fmt.Sprintf("\n%s:\t%016x\n", set, uint64(watching)); !strings.Contains(string(text), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	rest := p.rest()
	p.endsInTime(p.signal(syscall.SIGTERM))
	<-rest
}

// TestBorrowedZone reads the zone that TZ names if whoever started it may, and is in UTC if not.
func TestBorrowedZone(t *testing.T) {
	path := borrowing(t)
	zone := zoneFile(90 * 60)
	secret := hidden(t, map[string][]byte{"zone": zone})
	open := filepath.Join(filepath.Dir(path), "zone")
	must(t, os.WriteFile(open, zone, 0o644))
	for _, c := range []struct {
		file   string
		offset time.Duration
	}{{open, 90 * time.Minute}, {filepath.Join(secret, "zone"), 0}} {
		ns := testkit.NetNS(t)
		load := testkit.Start(t, ns, "bulk", "-n", "1", "-max", "1000", "-hold")
		load.Ready()
		before := time.Now().UTC().Truncate(time.Second)
		p := nobodyWith(t, path, []string{"TZ=:" + c.file}, append(netns(ns), "-n", "1", "--tcp", "--fields", "ts")...)
		lines := strings.Fields(string(<-p.rest()))
		if _, err := p.ends(); err != nil || len(lines) < 2 {
			t.Fatalf("%v, %q\n%s", err, lines, &p.stderr)
		}
		after := time.Now().UTC()
		shown := before.Add(c.offset)
		for ; !shown.After(after.Add(c.offset)) && !strings.HasPrefix(lines[1], shown.Format("15:04:05")); shown = shown.Add(time.Second) {
		}
		if shown.After(after.Add(c.offset)) {
			t.Errorf("TZ=%s: %q, want %v to %v after UTC", c.file, lines[1], before, c.offset)
		}
		load.Finish()
	}
}

// zoneFile is a zone of one offset (tzfile(5), version 1).
func zoneFile(offset uint32) []byte {
	b := append([]byte("TZif"), make([]byte, 16)...)
	for _, count := range []uint32{0, 0, 0, 0, 1, 4} {
		b = binary.BigEndian.AppendUint32(b, count)
	}
	b = binary.BigEndian.AppendUint32(b, offset)
	return append(b, 0, 0, 'T', 'S', 'T', 0)
}

// TestSetuid does nothing at all where its file has somebody else's rights.
func TestSetuid(t *testing.T) {
	path := reachable(t)
	for _, mode := range []uint32{0o4755, 0o2755} {
		must(t, unix.Chmod(path, mode))
		p := nobodyWith(t, path, nil, "version")
		out := <-p.rest()
		_, _ = p.ends()
		if code := p.cmd.ProcessState.ExitCode(); code != 77 || len(out) > 0 || !strings.Contains(p.stderr.String(), "setuid") {
			t.Errorf("mode %o: status %d, stdout %q, stderr %s", mode, code, out, &p.stderr)
		}
	}
}
