package tui

import (
	"net/netip"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// Config is what the screen starts with. Functions may be nil where the host
// cannot do what they do.
type Config struct {
	List     *column.List
	Frames   *Mailbox
	Past     *Past     // nil is none
	Replay   bool      // there is the past alone: nothing is measured
	At       time.Time // where a replay begins
	Play     bool      // it plays from the start
	Host     string
	Interval time.Duration
	Local    *time.Location // zone of the clock

	Match  func(*table.Snapshot) func(*table.Row) bool // the flags that leave rows out; nil is every row
	Flags  string                                      // those flags, for people
	Filter string                                      // filter to start with
	Sort   string                                      // such as "-rate"; "" is remembered or by rate
	Group  string                                      // "" is remembered or none
	Fields []string                                    // columns to start with; nil is remembered or the usual ones
	Listen bool                                        // start with the listeners
	Views  []string                                    // the views that there are, by name; nil is those of connections that are measured
	// Viewed is told which view is looked at from now on. It returns true where the rows
	// shown are not of that view and others will come.
	Viewed func(view string) bool

	Units    string // bytes or bits; "" is remembered or bytes
	Theme    string // auto, dark, light, mono; "" is remembered or auto
	ASCII    bool
	NoMouse  bool
	ReadOnly bool
	Quiet    bool // ask the terminal nothing

	StatePath string // file that remembers the view; "" is none
	Actions   Actions
	// SetInterval changes the tick; false where the collector cannot.
	SetInterval func(time.Duration) bool
	// Lineage asks the host for a process, its parent and so on. It may take a while.
	Lineage func(owner conn.Owner) ([]conn.Task, error)
	// Holders lists the processes that hold a connection's socket. It may take a while.
	Holders  func(conn.ID) ([]conn.Owner, error)
	PortName func(proto conn.Proto, port uint16) string
	HostName func(netip.Addr) string // "" until it is known; never waits
}

// Actions are what the screen can do besides showing. None of them is called
// without having been confirmed.
type Actions struct {
	Signal func(owner conn.Owner, signal int) error
	Close  func(c *conn.Conn) error
	Export func(name string, data []byte) (path string, err error)
}
