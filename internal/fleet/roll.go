package fleet

import "tcptop/internal/table"

// Roll puts answers on the screen one after the other. Each host has a number, which is part
// of who a row is, and keeps it as long as it is known, whatever its rank: the cursor, a pin
// and a history stay with their row.
type Roll struct {
	places *[]string // hosts by number, from 0; "" is nobody's
	past   bool
	apart  bool
	joint  *table.Joint
	named  []string // places as joint has them
}

// NewRoll has nobody.
func NewRoll() *Roll { return &Roll{places: new([]string), joint: table.NewJoint(nil, 0)} }

// Past is for answers about other times: it has the same numbers. Like r it is for one
// goroutine at a time, and never for another one than r.
func (r *Roll) Past() *Roll {
	past := &Roll{places: r.places, past: true, joint: table.NewJoint(nil, 0)}
	if r.apart {
		past.Apart()
	}
	return past
}

// Apart leaves both ends of a connection rows of their own.
func (r *Roll) Apart() {
	r.apart = true
	r.joint.Apart()
}

// number gives each of hosts its number. Whoever r has and an answer has not loses it.
func (r *Roll) number(hosts []Host) []int {
	free := make(map[string]int, len(*r.places))
	for n, name := range *r.places {
		free[name] = n
	}
	delete(free, "")
	numbers := make([]int, len(hosts))
	for i := range hosts {
		n, known := free[hosts[i].Name]
		if !known {
			n = -1
		}
		numbers[i] = n
		delete(free, hosts[i].Name)
	}
	absent := free
	if !r.past {
		for _, n := range absent {
			(*r.places)[n] = ""
		}
	}
	next := 0
	for i := range hosts {
		if numbers[i] < 0 {
			for next < len(*r.places) && (*r.places)[next] != "" {
				next++
			}
			if next == len(*r.places) {
				*r.places = append(*r.places, "")
			}
			(*r.places)[next], numbers[i] = hosts[i].Name, next
		}
	}
	r.name(absent)
	return numbers
}

// name has the joint know the places; those of whom is absent are nobody's.
func (r *Roll) name(absent map[string]int) {
	for n, name := range *r.places {
		if _, away := absent[name]; away {
			name = ""
		}
		if n == len(r.named) {
			r.named = append(r.named, "")
		} else if r.named[n] == name {
			continue
		}
		r.joint.Name(n, name)
		r.named[n] = name
	}
}
