package probe

import (
	"sync/atomic"

	"tcptop/internal/conn"
)

// ccNames is the names of congestion controls by their keys, shared with the
// programs (tt_cc in bpf/maps.h).
type ccNames []tcptopCcName

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
