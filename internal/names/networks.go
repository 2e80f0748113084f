package names

import (
	"fmt"
	"io"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"

	"tcptop/internal/conn"
)

// maxDatabase bounds a file of networks; the largest that MaxMind gives away have 70 MB.
const maxDatabase = 512 << 20

// Networks is what files of the MaxMind DB format (version 2.0) say of addresses: those
// of ASNs, countries, cities, or whatever has their fields. It is for any number of
// goroutines.
type Networks struct {
	files []*maxminddb.Reader
}

// OpenNetworks reads the files whole: a mapped one that is cut short by whoever brings it
// up to date would end this process (SIGBUS). Nil is no files.
func OpenNetworks(paths []string) (*Networks, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	n := &Networks{}
	for _, path := range paths {
		db, err := openDatabase(path)
		if err != nil {
			return nil, err
		}
		n.files = append(n.files, db)
	}
	return n, nil
}

func openDatabase(path string) (*maxminddb.Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDatabase+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxDatabase {
		return nil, fmt.Errorf("%s has more than %d MiB", path, maxDatabase>>20)
	}
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no MaxMind database: %w", path, err)
	}
	if !hasFields(db) {
		return nil, fmt.Errorf("%s has neither networks nor countries: it is a %q", path, db.Metadata.DatabaseType)
	}
	return db, nil
}

// network is what is read of a file's entry, under the names that MaxMind gives.
type network struct {
	ASN        uint32  `maxminddb:"autonomous_system_number"`
	Org        string  `maxminddb:"autonomous_system_organization"`
	Country    country `maxminddb:"country"`
	Registered country `maxminddb:"registered_country"`
}

type country struct {
	Code string `maxminddb:"iso_code"`
}

// code is the country's; a file may hold anything.
func (c country) code() string {
	if len(c.Code) != 2 {
		return ""
	}
	return c.Code
}

// maxOrg bounds the name of an organization, in bytes.
const maxOrg = 128

// someNetworks are how many entries are looked at before a file is taken for another kind.
const someNetworks = 10_000

// hasFields reports whether one of the first networks of db has anything to say.
func hasFields(db *maxminddb.Reader) bool {
	looked := 0
	for result := range db.Networks() {
		var n network
		if err := result.Decode(&n); err != nil {
			return false
		}
		if n != (network{}) {
			return true
		}
		if looked++; looked == someNetworks {
			break
		}
	}
	return false
}

// describe adds to r what is known of a. Of what several files say the first counts, and
// what is damaged says nothing.
func (n *Networks) describe(r *conn.Remote, a conn.Addr) {
	if n == nil {
		return
	}
	for _, db := range n.files {
		var found network
		if err := db.Lookup(a.Netip()).Decode(&found); err != nil {
			continue
		}
		if r.ASN == 0 {
			r.ASN, r.Org = found.ASN, found.Org[:min(len(found.Org), maxOrg)]
		}
		if r.Country == "" {
			r.Country = found.Country.code()
		}
		if r.Country == "" {
			r.Country = found.Registered.code()
		}
	}
}
