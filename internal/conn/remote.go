package conn

// Remote is what is known of a remote address besides the address. Many connections
// share one Remote; it is never changed once published. All texts come from outside.
type Remote struct {
	Name    string // without the dot at its end; empty where there is none
	Source  NameSource
	ASN     uint32 // number of the autonomous system; 0 is not known
	Org     string // whose that is
	Country string // ISO 3166-1, two letters
}

// Surer reports whether r is to be believed as much as or rather than other: a name
// that was asked for before one from a file, and that before one that was looked up.
func (r *Remote) Surer(other *Remote) bool {
	return other == nil || r != nil && r.rank() >= other.rank()
}

func (r *Remote) rank() NameSource {
	if r.Source == 0 {
		return 0
	}
	return NameNetwork + 1 - r.Source
}

// NameSource says where the name of a remote address is from; zero where it has none.
type NameSource uint8

// The sources.
const (
	NameDNS     NameSource = 1 + iota // this host asked for the name and was told the address
	NameHosts                         // /etc/hosts
	NamePTR                           // a reverse look-up: what the address's owner calls it
	NameNetwork                       // no name of one address: that of all that an engine has together
)

var nameSources = [...]string{"", "dns", "hosts", "ptr", "network"}

func (s NameSource) String() string { return name(nameSources[:], int(s)) }
