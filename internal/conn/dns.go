package conn

// DNSMessage is a DNS message (RFC 1035, section 4) that a socket of this host has
// sent to port 53, or is about to receive from there. It is as it was on the wire:
// nobody has parsed or believed it.
type DNSMessage struct {
	Time   int64  // monotonic ns
	Socket uint64 // tells sockets apart while they live
	Server Addr   // as the socket knows it, before any translation
	Answer bool   // it was received
	Cut    bool   // Data is its beginning
	Data   []byte // at most 1,232 bytes

	// Of who asks; zero in an answer.
	NetNS, UID, PID uint32
}
