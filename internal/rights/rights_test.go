package rights

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLackingForBPF(t *testing.T) {
	for _, c := range []struct {
		have []uint
		lack []string
	}{
		{nil, []string{"CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"}},
		{[]uint{unix.CAP_SYS_ADMIN}, []string{"CAP_NET_ADMIN"}},
		{[]uint{unix.CAP_BPF, unix.CAP_NET_ADMIN}, []string{"CAP_PERFMON"}},
		{[]uint{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN}, nil},
		{[]uint{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN}, nil},
	} {
		var s Set
		for _, bit := range c.have {
			s |= 1 << bit
		}
		if got := s.LackingForBPF(); !slices.Equal(got, c.lack) {
			t.Errorf("with %v: %q is missing, want %q", c.have, got, c.lack)
		}
	}
}

// TestInitial has the links of the kinds whose inodes are fixed, and none for others.
func TestInitial(t *testing.T) {
	for kind, want := range map[string]string{"user": "user:[4026531837]", "pid": "pid:[4026531836]", "cgroup": "cgroup:[4026531835]", "net": ""} {
		if got := Initial(kind); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
