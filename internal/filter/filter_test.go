package filter_test

import (
	"strings"
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/filter"
	"tcptop/internal/table"
)

func TestMatch(t *testing.T) {
	cols := columns()
	for src, want := range map[string]string{
		"": everyRow, "  ": everyRow,

		// Ports and other numbers.
		"rport=22":                      "ssh",
		"port=443":                      "https listener",
		"port = 22,443":                 "https listener ssh",
		"port=1-100,8000-8100":          "ssh dns timewait",
		"port!=443":                     "ssh leak dns timewait",
		"lport in 8080,443":             "https listener timewait",
		"lport in (8080, 443)":          "https listener timewait",
		"not lport in (443)":            "ssh leak dns timewait",
		"rport<1024":                    "ssh dns",
		"rport>=51000":                  "https timewait",
		"pid=200":                       "ssh",
		"port=65535":                    "",
		"uid>1000":                      "leak",
		"netns=4026531840":              "https",
		"tx_bytes>=3Gi":                 "https",
		"tx_bytes>3Gi":                  "",
		"tx_bytes>3G and tx_bytes<3.5G": "https",

		// Units.
		"rtt>50ms": "https", "rtt>80ms": "", "rtt>=80ms": "https", "rtt_us=80000": "https", "rtt=0.9ms": "ssh",
		"rtt<1ms": "ssh leak", "rtt<=40": "leak", "rtt=1us-1ms": "ssh leak",
		"age>5m": "https", "age=1h": "https", "age<=60s": "ssh", "idle>=30s": "ssh", "idle_ms=30000": "ssh", "age>59999": "https ssh",
		"rate>1M": "https", "rate>4.1M rate<4.3M": "https", "rate=160": "dns", "rx_rate>100": "https",

		// Text.
		"comm=nginx": "https listener", "comm=Nginx": "", "proc=ssh": "ssh", "comm~^ss": "ssh", "comm!~^(ssh|nginx)$": "leak dns timewait",
		`comm="My App"`: "leak", `comm~"^My\sA"`: "leak", `comm~"^My\\sA"`: "leak", "comm~(?i)NGINX": "https listener",
		"(comm~ssh)": "ssh", "(comm~(ssh))": "ssh", "comm~[(]": "", `comm~\(`: "",
		"state=established,close-wait": "https ssh leak", "state!=established": "listener leak dns timewait",
		"proto:udp": "dns", "proto: udp": "dns", "proto==udp": "dns", "comm=~ssh": "ssh",
		"user=www-data": "https listener", "user=1000": "ssh", "user=0": "listener", "user=ann,33": "https ssh",
		"cc=bbr": "https", "cc:bbr": "https", "host=web1": everyRow, "event=sample": everyRow, "source=bpf": everyRow,
		"conn=5-9": "dns", "container=web": "https listener", "dir=in": "https", "dir in in": "https",

		// Addresses.
		"raddr in 10.0.0.0/8": "dns", "raddr=10.0.0.0/8": "dns", "addr in 10.0.0.0/8": "https dns timewait",
		"addr!=10.0.0.0/8": "listener ssh leak", "raddr=203.0.113.7": "https", "raddr=::ffff:203.0.113.7": "https",
		"raddr in 2001:db8::/32": "ssh", "raddr:2001:db8::22": "ssh", "raddr in 10.0.0.50-10.0.0.60": "dns",
		"laddr in 0.0.0.0/0": "https leak dns timewait", "laddr in ::/0": "listener ssh", "addr=::ffff:10.0.0.0/104": "https dns timewait",
		"raddr~^203": "https", "addr=127.0.0.1,203.0.113.7": "https leak",

		// Missing values.
		"state=null": "dns", "state!=null": "https listener ssh leak timewait", "pid=none": "timewait", "raddr=null": "listener",
		"state in (null,listen)": "listener dns", "comm!=nginx": "ssh leak dns timewait", "rtt!=40": "https listener ssh dns timewait",
		"not rtt>50ms": "listener ssh leak dns timewait", `comm="none"`: "", "limit=null": everyRow, "raddr!~^203": "listener ssh leak dns timewait",

		// Booleans and times.
		"partial=true": "leak", "partial!=true": "https listener ssh dns timewait", "partial:false": "https listener ssh dns timewait",
		"opened=2026-03-04": "https ssh", "opened<2026-03-04T05:00:00Z": "https", "opened>2026-03-04": "",
		"opened=2026-03-04T05:05:07Z": "ssh", "opened>=2026-03-04T05:05:07.890Z": "ssh", "opened>2026-03-04T05:05:07.890Z": "",
		"opened=2026-03-04T06:05:07.890+01:00": "ssh",

		// Logic.
		"comm=ssh or comm=nginx and dir=in":   "https ssh",
		"(comm=ssh or comm=nginx) and dir=in": "https",
		"not comm=ssh and proto=tcp":          "https listener leak timewait",
		"not (comm=ssh or proto=udp)":         "https listener leak timewait",
		"not not comm=ssh":                    "ssh",
		"proto=tcp dir=out":                   "ssh leak",
		"proto=tcp dir=out or proto=udp":      "ssh leak dns",
		"proto=tcp AND NOT dir=out":           "https listener timewait",
		"(comm=ssh)or(comm=nginx)":            "https listener ssh",

		// Words.
		"ssh": "ssh", "SSH": "ssh", "app": "leak", `"my app"`: "leak", "443": "https listener", ":443": "https listener",
		"10.0.0.53": "dns", "10.0.0.1:443": "https", "[2001:db8::22]:22": "ssh", "2001:db8::22": "ssh", "web-0": "https listener",
		"docker.service": "https listener", "nginx not listen": "https listener", "nginx not state=listen": "https",
		"0.0.1 53": "dns", "not nginx": "ssh leak dns timewait", `"and"`: "", `comm="or"`: "", "zzz": "", "scope": "ssh", "fe80::1": "", "b8::2": "ssh",
	} {
		f, err := filter.Parse(src, cols)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := matching(f); got != want {
			t.Errorf("%s\n matches %q\n    want %q", src, got, want)
		}
		again, err := filter.Parse(f.String(), cols)
		if err != nil || again.String() != f.String() || matching(again) != want {
			t.Errorf("%s: canonical form %q does not survive: %v, %q", src, f, err, again)
		}
	}
}

func TestString(t *testing.T) {
	for src, want := range map[string]string{
		"rtt>50ms  proc ~ ssh":                "rtt_us>50ms and comm~\"ssh\"",
		"a b or (c and not (d or e))":         "a and b or c and not (d or e)",
		"(proto:tcp or dir=in) and (a (b c))": "(proto=tcp or dir=in) and (a and (b and c))",
		`"or" comm="a b" pod="none"`:          `"or" and comm="a b" and pod="none"`,
		"state in (listen , null)":            "state in listen,null",
		`comm=a\b "q\"q"`:                     `comm=a\b and "q\"q"`,
	} {
		f, err := filter.Parse(src, columns())
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if f.String() != want {
			t.Errorf("%s = %s, want %s", src, f, want)
		}
	}
}

func TestAndOr(t *testing.T) {
	tcp, ssh, dns := parse(t, "proto=tcp"), parse(t, "ssh"), parse(t, "dir=out or dir=in")
	for _, tc := range []struct {
		f    *filter.Filter
		text string
		want string
	}{
		{filter.And(), "", everyRow},
		{filter.And(nil, &filter.Filter{}, ssh), "ssh", "ssh"},
		{filter.And(tcp, dns), "proto=tcp and (dir=out or dir=in)", "https ssh leak"},
		{filter.Or(), "", everyRow},
		{filter.Or(ssh, dns), "ssh or (dir=out or dir=in)", "https ssh leak dns"},
		{filter.Or(ssh, nil), "", everyRow},
		{nil, "", everyRow},
	} {
		if got := matching(tc.f); got != tc.want || tc.f.String() != tc.text {
			t.Errorf("%q matches %q, want %q, %q", tc.f, got, tc.text, tc.want)
		}
	}
}

func parse(t testing.TB, src string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(src, columns())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return f
}

func typical() []string {
	return []string{
		"rport=443 and rtt>50ms and not comm~ssh", "raddr in 10.0.0.0/8", "state=established,close-wait", "nginx",
		"rate>1M or port=80,443,8000-8100", "user=1000", "age>5m", "raddr~^10\\.", "opened>2026-01-01", "pod=null",
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	for _, src := range typical() {
		match := parse(t, src).Match(snapshot())
		for _, r := range rows() {
			if n := testing.AllocsPerRun(100, func() { match(r.row) }); n != 0 {
				t.Errorf("%s on %s: %v allocations", src, r.name, n)
			}
		}
	}
}

// TestMatchIsIndependent has two predicates of one filter look at rows in turn.
func TestMatchIsIndependent(t *testing.T) {
	f := parse(t, "comm=nginx")
	one, two := f.Match(snapshot()), f.Match(snapshot())
	named := func(s string) *table.Row {
		return &table.Row{Conn: conn.Conn{Owner: conn.Owner{PID: 1, Comm: conn.MakeName(s)}}}
	}
	if !one(named("nginx")) || two(named("ssh")) || !one(named("nginx")) {
		t.Error("predicates of one filter disturb each other")
	}
}

func BenchmarkMatch(b *testing.B) {
	all := rows()
	for _, src := range typical() {
		b.Run(strings.ReplaceAll(src, " ", "_"), func(b *testing.B) {
			match := parse(b, src).Match(snapshot())
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				match(all[i%len(all)].row)
				i++
			}
		})
	}
}
