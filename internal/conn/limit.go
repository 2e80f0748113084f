package conn

// Limit says what holds a connection back.
type Limit uint8

// The limits; zero is unknown.
const (
	LimitApp        Limit = 1 + iota // the sender has nothing to send
	LimitPeerWindow                  // the peer's window is shut
	LimitSendBuffer                  // the send buffer is full of data under way
	LimitCwnd                        // congestion control: its window or its pacing
	LimitLoss                        // what was lost is sent again
	LimitReader                      // our own process does not read
	LimitIdle                        // there is nothing to do
)

var limitNames = [...]string{"", "app", "peer-window", "send-buffer", "cwnd", "loss", "reader", "idle"}

func (l Limit) String() string { return name(limitNames[:], int(l)) }

// Chrono is the kernel's chronograph that runs (enum tcp_chrono, include/linux/tcp.h).
type Chrono uint8

// The chronographs; zero is none: there is nothing to send or to be acknowledged.
const (
	ChronoBusy Chrono = 1 + iota
	ChronoRwnd
	ChronoSndbuf
)

// CAState is the state of the congestion control (enum tcp_ca_state,
// include/uapi/linux/tcp.h).
type CAState uint8

// The states.
const (
	CAOpen CAState = iota
	CADisorder
	CACWR
	CARecovery
	CALoss
)

var caNames = [...]string{"open", "disorder", "cwr", "recovery", "loss"}

func (s CAState) String() string { return name(caNames[:], int(s)) }
