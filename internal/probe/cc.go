package probe

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// ccNames is the names of congestion controls by their keys, shared with the
// programs (tt_cc in bpf/maps.h).
type ccNames []tcptopCcName

// legend says what numbers in a record stand for on this kernel.
type legend struct {
	names ccNames
	jiffy uint64 // ns: the unit of chronographs
	at    uint32 // a moment in jiffies and
	mono  int64  // in monotonic ns; 0 is none
}

// jiffy returns the length of the kernel's tick in ns: 1e9 / CONFIG_HZ, which is the
// resolution of the coarse clocks (hrtimer_get_res, kernel/time/hrtimer.c).
func jiffy() (uint64, error) {
	var res unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &res); err != nil {
		return 0, fmt.Errorf("length of a jiffy: %w", err)
	}
	return uint64(res.Nano()), nil
}

// time is the monotonic time in ns of a moment not long before at, of which the low
// bits of its jiffies are known; 0 where there is none.
func (l *legend) time(jiffies uint16) int64 {
	if l.mono == 0 {
		return 0
	}
	return l.mono - int64(uint16(l.at)-jiffies)*int64(l.jiffy)
}

// ccNamesLen is CC_NAMES in bpf/conn.h.
const ccNamesLen = 64

// ccTries is how many places a key may be in (CC_TRIES in bpf/conn.h).
const ccTries = 8

// name returns the name of key; empty where it is not known, or not yet.
func (n ccNames) name(key uint32) conn.Name {
	if key == 0 || len(n) == 0 {
		return conn.Name{}
	}
	for i := range uint32(ccTries) {
		e := &n[int(key+i)%len(n)]
		if atomic.LoadUint32(&e.Key) == key {
			return name(&e.Name)
		}
	}
	return conn.Name{}
}
