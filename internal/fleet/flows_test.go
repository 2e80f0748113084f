package fleet

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tcptop/internal/conn"
)

// flowsAt is a ClickHouse that answers each question with the next of answers.
func flowsAt(t *testing.T, status int, answers ...string) (*Flows, *[]string) {
	t.Helper()
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 8192)
		n, _ := r.Body.Read(b)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answers[len(asked)%len(answers)]))
		asked = append(asked, r.Header.Get("Authorization")+" "+string(b[:n]))
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return NewFlows(FlowsConfig{URL: u, Table: "`tcptop`.`flows`", Headers: map[string]string{"Authorization": "Bearer x"}, Transport: transport}), &asked
}

var noonOfFlows = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// Numbers come with or without quotes; what is no name or number of ours is left out.
func TestFlowsAnswer(t *testing.T) {
	f, asked := flowsAt(t, 200,
		`{"host":"a","heard":1795694399}`+"\n"+`{"host":"b\u001b[2J","heard":"1795694390"}`,
		`{"host":"a","rx":"2000","tx":"40","ms":10000}`+"\n"+`{"host":"of nobody","rx":1,"tx":1,"ms":1}`,
		`{"host":"a","conn":"1f-2","proto":"udp","state":"","dir":"in","la":"::ffff:192.0.2.1","lport":53,"ra":"2001:db8::1","rport":"9","rname":"x.example","pid":7,"comm":"named","user":"bind","rx":1000,"tx":"0","ms":10000}`+"\n"+
			`{"host":"a","conn":"zz","proto":"sctp","state":"melting","dir":"up","la":"nowhere","ra":"","rx":"18446744073709551615","tx":0,"ms":0}`)
	a, err := f.Ask(context.Background(), noonOfFlows)
	if err != nil {
		t.Fatal(err)
	}
	if len(*asked) != 3 || !strings.HasPrefix((*asked)[0], "Bearer x SELECT host, ") || !strings.Contains((*asked)[0], "ts <= toDateTime(1795694400)") {
		t.Errorf("asked %q", *asked)
	}
	if len(a.Hosts) != 2 || a.Hosts[0].Name != "a" || a.Hosts[0].Rx != 200 || a.Hosts[1].Known || len(a.Groups) != 2 {
		t.Errorf("%+v", a)
	}
	r := a.Groups[0].row()
	if r.ID != (conn.ID{Cookie: 0x1f, Serial: 2}) || r.Proto != conn.UDP || r.State != 0 || r.Dir != conn.In || r.Laddr.Netip().String() != "192.0.2.1" ||
		r.Raddr.Netip().String() != "2001:db8::1" || r.Rport != 9 || r.Remote.Name != "x.example" || r.Owner.PID != 7 || r.Place.User != "bind" || r.RxRate != 100 {
		t.Errorf("%+v", r)
	}
	if r := a.Groups[1].row(); r.State != 0 || r.Dir != 0 || r.RxRate != 0 {
		t.Errorf("%+v", r)
	}
	NewRoll().Snapshot(a, noonOfFlows, 1e15, "").Release()
}

// Both ends of a connection that two agents recorded are one row, and each host's rows are
// its sum.
func TestFlowsJoined(t *testing.T) {
	for _, ends := range []bool{false, true} {
		f, _ := flowsAt(t, 200,
			`{"host":"a","heard":1795694399}`+"\n"+`{"host":"b","heard":1795694399}`,
			`{"host":"a","rx":200,"tx":5000,"ms":10000}`+"\n"+`{"host":"b","rx":5000,"tx":300,"ms":10000}`,
			`{"host":"a","conn":"1","proto":"tcp","state":"established","dir":"out","la":"10.0.0.1","lport":40000,"ra":"10.0.0.2","rport":443,"comm":"curl","rx":100,"tx":4000,"ms":10000}`+"\n"+
				`{"host":"b","conn":"1","proto":"tcp","state":"established","dir":"in","la":"10.0.0.2","lport":443,"ra":"10.0.0.1","rport":40000,"comm":"nginx","rx":4000,"tx":100,"ms":10000}`)
		a, err := f.Ask(context.Background(), noonOfFlows)
		if err != nil {
			t.Fatal(err)
		}
		roll := NewRoll()
		if ends {
			roll.Apart()
		}
		s := roll.Snapshot(a, noonOfFlows, 1e15, "")
		if want := map[bool]int{false: 3, true: 4}[ends]; s.Len() != want { // and what is left of each host
			t.Errorf("%d rows, want %d", s.Len(), want)
		}
		both := 0
		for r := range s.Rows() {
			if o := s.Other(r); o != nil {
				both++
				if r.Owner.Comm.String() != "curl" || o.Owner.Comm.String() != "nginx" || s.HostOf(o) != "b" {
					t.Errorf("%+v and %+v", r, o)
				}
			}
		}
		if (both == 1) == ends {
			t.Errorf("%d rows have both ends", both)
		}
		sent := map[string]uint64{}
		for r := range s.Ends() {
			sent[s.HostOf(r)] += r.TxBytes
		}
		if sent["a"] != 5000 || sent["b"] != 300 {
			t.Errorf("sent %v", sent)
		}
		s.Release()
	}
}

// An engine that fails, or breaks off, is a trouble and no zeros.
func TestFlowsTrouble(t *testing.T) {
	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{500, "Code: 241, DB::Exception: Memory limit", "HTTP 500: Code: 241"},
		{302, "", "HTTP 302"},
		{200, `{"host":"a","heard":1}` + "\nCode: 159. DB::Exception: Timeout", "the engine's answer: "},
		{200, `{"host":"a","heard":-1}`, "the engine's answer: "},
		{200, `[1`, "the engine's answer: "},
	} {
		f, _ := flowsAt(t, c.status, c.answer)
		if _, err := f.Ask(context.Background(), noonOfFlows); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%d %q: %v", c.status, c.answer, err)
		}
	}
}

func FuzzFlowRow(f *testing.F) {
	f.Add([]byte(`{"host":"a","conn":"1f-tw","la":"::1","rx":"5","ms":1,"state":"established"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r flowRow
		if json.Unmarshal(b, &r) != nil {
			return
		}
		all := []flowRow{r, r}
		NewRoll().Snapshot(answerOf(noonOfFlows, all[:1], all, all), noonOfFlows, 1e15, "").Release()
	})
}
