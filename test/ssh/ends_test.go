package ssh

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// endsRow is what the lines say of a connection.
type endsRow struct {
	TS, Host, Comm, Dir string
	PID                 int
	Lport, Rport        int
	Sent                int  `json:"tx_bytes"`
	Received            int  `json:"rx_bytes"`
	Retrans             *int `json:"retrans_packets"`

	PeerHost    *string `json:"peer_host"`
	PeerComm    *string `json:"peer_comm"`
	PeerPID     *int    `json:"peer_pid"`
	PeerRTT     *int    `json:"peer_rtt_us"`
	PeerRetrans *int    `json:"peer_retrans_packets"`
	PeerLimit   *string `json:"peer_limit"`
}

// TestOneRow has a connection between two of four hosts: one row with both processes, the
// bytes once, and what was lost on the side that lost it.
func TestOneRow(t *testing.T) {
	const sent, answered = 600_000, 777
	s := newSite(t, 4)
	s.install()
	testkit.Link(t, "wan", s.hosts[0], s.hosts[1], "10.9.0.1", "10.9.0.2", 0)
	s.hosts[1].Nft("table inet lossy {\n chain in {\n type filter hook input priority 0\n meta length > 200 numgen random mod 20 == 0 drop\n }\n}")
	s.talk(2, 4000) // within a host: two ends, and never one row
	server := newPeer(t, s.hosts[1], "e-server", "serve", "10.9.0.2:5432")
	client := newPeer(t, s.hosts[0], "e-client", "dial", "10.9.0.2:5432")
	for _, step := range []struct {
		p    *peer
		what string
	}{{server, "accept"}, {client, "send 600000"}, {server, "receive 600000"}, {server, "send 777"}, {client, "receive 777"}} {
		step.p.tell("%s", step.what)
		if step.what != "send 600000" { // it may wait for who receives
			step.p.ok()
		}
	}
	client.ok()

	rows := s.endsRows(t, "state=established and (comm=e-server or host=h3)") // the server is the other end
	both := slices.DeleteFunc(slices.Clone(rows), func(r endsRow) bool { return r.Host == "h3" && r.PeerHost == nil })
	if len(both) != 3 || len(rows) != 9 {
		t.Errorf("%d rows with both ends and %d in all in three ticks, want 3 and 9", len(both), len(rows))
	}
	for _, r := range both {
		switch {
		case r.PeerHost == nil || r.PeerComm == nil || r.PeerPID == nil || r.PeerRTT == nil || r.Retrans == nil || r.PeerRetrans == nil:
			t.Errorf("one end alone: %+v", r)
		case r.Host != "h1" || *r.PeerHost != "h2" || r.Comm != "e-client" || *r.PeerComm != "e-server" || r.PID != client.pid || *r.PeerPID != server.pid:
			t.Errorf("%+v: host %s, %s %d", r, *r.PeerHost, *r.PeerComm, *r.PeerPID)
		case r.Sent != sent || r.Received != answered:
			t.Errorf("%d sent, %d received, want %d and %d", r.Sent, r.Received, sent, answered)
		case *r.Retrans == 0 || *r.PeerRetrans != 0:
			t.Errorf("%d lost on the way there and %d back, want some and none", *r.Retrans, *r.PeerRetrans)
		}
	}
	apart := s.endsRows(t, "rport=5432 or lport=5432 and state=established", "--ends")
	if len(apart) != 6 {
		t.Errorf("%d rows of two ends in three ticks", len(apart))
	}
	for _, r := range apart {
		if r.PeerHost != nil || r.Host == "h2" && (r.Received != sent || r.Sent != answered || *r.Retrans != 0) {
			t.Errorf("%+v", r)
		}
	}
}

// endsRows is what three ticks of all hosts say of what matches.
func (s *site) endsRows(t *testing.T, filter string, flags ...string) []endsRow {
	t.Helper()
	c := s.tcptop(append(append([]string{"fleet", "h1", "h2", "h3", "h4", "-b", "-n", "3", "-d", "0.3", "-o", "jsonl", "--backend", "diag"}, flags...), "--", filter)...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var all []endsRow
	for line := range strings.Lines(string(out)) {
		var r endsRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
