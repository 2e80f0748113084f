package column_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tcptop/internal/column"
)

var update = flag.Bool("update", false, "rewrite docs/columns.md")

// contract is the table of fields of the contract, in its order.
const contract = `ts host event schema
conn proto state dir laddr lport raddr rport rname rname_source asn as_org country netns netns_name iface
pid comm cmdline exe uid user owners owner_source
cgroup unit slice session container container_id image pod namespace workload
rx_bytes tx_bytes rx_packets tx_packets rx_rate tx_rate rate
rtt_us rttvar_us min_rtt_us rtt_inflation retrans_packets retrans_bytes retrans_ppm lost_packets reordered_packets ce_packets
cwnd ssthresh mss cc ca_state ecn app_limited pacing_rate delivery_rate snd_wnd rcv_wnd
send_queue unsent_bytes recv_queue busy_ms rwnd_limited_ms sndbuf_limited_ms zero_window_ms probes recv_buffer backlog backlog_max drops send_errors
accepts accept_rate accept_p50_us accept_p99_us syn_queue syn_flood listen_overflows listen_drops syncookies_sent
limit limit_share
opened age_ms idle_ms connect_us accept_us syn_retries old_state old_state_us close_reason close_detail errno
partial source
peer_host peer_pid peer_comm peer_exe peer_user peer_unit peer_container peer_pod peer_state peer_rtt_us peer_retrans_packets
peer_send_queue peer_recv_queue peer_limit peer_limit_share`

func TestContract(t *testing.T) {
	want := strings.Fields(contract)
	if got := column.New().Names(); !slices.Equal(got, want) {
		t.Errorf("fields:\n got %v\nwant %v", got, want)
	}
}

func TestColumnsAreComplete(t *testing.T) {
	for _, c := range column.New().All() {
		accessors := 0
		for _, set := range []bool{c.Num != nil, c.Text != nil, c.Addr != nil} {
			if set {
				accessors++
			}
		}
		if accessors != 1 {
			t.Errorf("%s: %d accessors, want 1", c.Name, accessors)
		}
		if (c.Text != nil) != (c.Kind == column.Text) || (c.Addr != nil) != (c.Kind == column.IP) {
			t.Errorf("%s: accessor does not fit its kind", c.Name)
		}
		if c.Title == "" || c.Group == "" || !strings.HasSuffix(c.Help, ".") {
			t.Errorf("%s: title %q, group %q, help %q", c.Name, c.Title, c.Group, c.Help)
		}
		if least := max(utf8.RuneCountInString(c.Title), column.Width(c.Kind)); c.Width < least {
			t.Errorf("%s: width %d, want at least %d", c.Name, c.Width, least)
		}
	}
}

func TestFind(t *testing.T) {
	l := column.New()
	for name, want := range map[string]string{
		"rtt_us": "rtt_us", "rtt": "rtt_us", "rttvar": "rttvar_us", "proc": "comm", "age": "age_ms",
		"idle": "idle_ms", "connect": "connect_us", "lost": "lost_packets", "unsent": "unsent_bytes",
		"rx": "", "retrans": "", "": "", "RTT": "", "nope": "",
	} {
		c, ok := l.Find(name)
		if ok != (want != "") || ok && c.Name != want {
			t.Errorf("Find(%q) = %v, %v, want %q", name, c, ok, want)
		}
	}
}

func TestPick(t *testing.T) {
	picked, err := column.New().Pick("ts, rtt,proc")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range picked {
		got = append(got, c.Name)
	}
	if want := []string{"ts", "rtt_us", "comm"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPickErrors(t *testing.T) {
	for _, tc := range []struct {
		names, msg, hint string
		col              int
	}{
		{"ts,pidd", `field "pidd" at column 4: unknown`, "did you mean pid?", 4},
		{"ts,é\x00", `field "é\x00" at column 4: unknown`, "", 4},
		{"ts,  rport_", `field "rport_" at column 6: unknown`, "did you mean rport?", 6},
		{"retrans", `field "retrans" at column 1: unknown`, "did you mean retrans_packets?", 1},
		{"ts,ts_of_nothing_near", `field "ts_of_nothing_near" at column 4: unknown`, "", 4},
		{"rtt,pid, rtt_us", `field "rtt_us" at column 10: named twice`, "", 10},
		{"ts,", "field name missing at column 4", "", 4},
		{"", "field name missing at column 1", "", 1},
	} {
		_, err := column.New().Pick(tc.names)
		var fe *column.FieldError
		if !errors.As(err, &fe) {
			t.Errorf("Pick(%q): %v, want a FieldError", tc.names, err)
			continue
		}
		if fe.Error() != tc.msg || fe.Hint != tc.hint || fe.Col != tc.col {
			t.Errorf("Pick(%q): %q, hint %q, column %d; want %q, %q, %d", tc.names, fe, fe.Hint, fe.Col, tc.msg, tc.hint, tc.col)
		}
	}
}

func TestNearest(t *testing.T) {
	names := column.New().Names()
	for word, want := range map[string]string{
		"rprot": "rport", "commm": "comm", "usr": "user", "stat": "state", "Rate": "rate",
		"contaner": "container", "delivery": "delivery_rate", "zzzzzz": "", "": "",
		strings.Repeat("x", 5000): "",
	} {
		if got := column.Nearest(word, names); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	const path = "../../docs/columns.md"
	var got bytes.Buffer
	if err := column.New().WriteMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is stale: run go test ./internal/column -update", path)
	}
}
