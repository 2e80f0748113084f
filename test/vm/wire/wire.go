// Package wire is what the matrix (test/vm) and the init of its guests
// (test/vm/init) say to each other: jobs go in with the initramfs, messages come
// back over a serial line, one JSON object each.
package wire

import "time"

// Where things are in a guest.
const (
	Jobs    = "/vm/jobs.json" // []Job
	Modules = "/vm/modules"   // kernel modules, to be loaded in the order of their names
	Later   = "/vm/later"     // those that a test loads itself, likewise
)

// Job is one program to run in the guest as root.
type Job struct {
	Name  string        `json:"name"`
	Argv  []string      `json:"argv"`
	Env   []string      `json:"env,omitempty"` // added to init's own
	Limit time.Duration `json:"limit"`         // then it is killed
}

// Message is news from the guest. The first one has a Release, the last one is
// Done; a guest that ends without it has given no verdict.
type Message struct {
	Release string  `json:"release,omitempty"` // uname -r: the guest is up
	Job     string  `json:"job,omitempty"`     // whose output or end this is
	Out     []byte  `json:"out,omitempty"`     // of its standard output
	Err     []byte  `json:"err,omitempty"`     // of its standard error
	Exit    *int    `json:"exit,omitempty"`    // it ended; as a shell counts, 128 and the signal's number
	Seconds float64 `json:"seconds,omitempty"` // how long it ran, by the guest's clock
	Done    bool    `json:"done,omitempty"`
}
