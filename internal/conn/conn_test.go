package conn

import (
	"net/netip"
	"slices"
	"testing"
)

func TestIDText(t *testing.T) {
	for want, id := range map[string]ID{
		"1a2b":         {Cookie: 0x1a2b},
		"1a2b-1":       {Cookie: 0x1a2b, Serial: 1},
		"1a2b-tw":      {Cookie: 0x1a2b, Serial: TimeWaitSerial},
		"ff-24cbbc97f": {Cookie: 0xff, Serial: 0x24cbbc97f},
	} {
		if got := id.String(); got != want {
			t.Errorf("%#v: %q, want %q", id, got, want)
		}
	}
}

func TestAddr(t *testing.T) {
	for in, want := range map[string]string{
		"10.1.2.3":        "10.1.2.3",
		"::ffff:10.1.2.3": "10.1.2.3",
		"2001:db8::1":     "2001:db8::1",
		"::":              "::",
	} {
		a := AddrFrom(netip.MustParseAddr(in))
		if got := a.Netip().String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if a.Is4() != a.Netip().Is4() {
			t.Errorf("%s: Is4 is %v", in, a.Is4())
		}
	}
	if AddrFrom(netip.MustParseAddr("10.1.2.3")) != AddrFrom(netip.MustParseAddr("::ffff:10.1.2.3")) {
		t.Error("a v4 address and its v4-mapped form differ")
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"nginx":                 "nginx",
		"fifteen-letters":       "fifteen-letters",
		"more-than-fifteen-let": "more-than-fifte",
		"cut\x00off":            "cut",
	} {
		if got := MakeName(in).String(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	full := Name{}
	for i := range full {
		full[i] = 'x'
	}
	if got := full.String(); len(got) != len(full) {
		t.Errorf("a name without a zero has %d bytes", len(got))
	}
}

// The names are a promise to scripts; an unknown value has none rather than a wrong one.
func TestNames(t *testing.T) {
	want := []string{"established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait",
		"closed", "close-wait", "last-ack", "listen", "closing"}
	if got := States(); !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
	for got, want := range map[string]string{
		NewSynRecv.String():     "syn-recv",
		State(0).String():       "",
		State(99).String():      "",
		Proto(0).String():       "",
		UDP.String():            "udp",
		DirListen.String():      "listen",
		EventFail.String():      "fail",
		OwnerFiles.String():     "files",
		Refused.String():        "refused",
		FromDiag.String():       "diag",
		CloseReason(0).String(): "",
		Aborted.String():        "aborted",
		NoPort.String():         "no-local-port",
		Errno(0).String():       "",
		Errno(111).String():     "ECONNREFUSED",
		Errno(7).String():       "errno-7",
		LimitApp.String():       "app",
		LimitIdle.String():      "idle",
		Limit(0).String():       "",
		CALoss.String():         "loss",
		CAState(99).String():    "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
