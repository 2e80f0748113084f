package names

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"tcptop/internal/conn"
)

// database writes a MaxMind database of networks and what it says of them.
func database(t testing.TB, kind string, entries map[string]mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true, BuildEpoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, value := range entries {
		_, ipnet, err := net.ParseCIDR(prefix)
		if err == nil {
			err = tree.Insert(ipnet, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), kind+".mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

func asn(number uint32, org string) mmdbtype.Map {
	return mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(number), "autonomous_system_organization": mmdbtype.String(org)}
}

func inCountry(field mmdbtype.String, code string) mmdbtype.Map {
	return mmdbtype.Map{field: mmdbtype.Map{"iso_code": mmdbtype.String(code), "geoname_id": mmdbtype.Uint32(1)}}
}

// asnFile and countryFile are two files that say different things of the same addresses.
func asnFile(t testing.TB) string {
	return database(t, "GeoLite2-ASN", map[string]mmdbtype.Map{
		"192.0.2.0/24": asn(64500, "Example \x1b[2J Ltd"), "2001:db8::/32": asn(4200000000, "Six"), "198.51.100.0/24": asn(64501, "Two"),
	})
}

func countryFile(t testing.TB) string {
	return database(t, "GeoLite2-Country", map[string]mmdbtype.Map{
		"192.0.2.0/25": inCountry("country", "DE"), "192.0.2.128/25": inCountry("registered_country", "FR"), "203.0.113.0/24": inCountry("country", "JP"),
	})
}

func open(t testing.TB, paths ...string) *Networks {
	t.Helper()
	n, err := OpenNetworks(paths)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNetworks(t *testing.T) {
	n := open(t, asnFile(t), countryFile(t), database(t, "Later-ASN", map[string]mmdbtype.Map{"0.0.0.0/0": asn(1, "Everybody")}))
	for addr, want := range map[string]conn.Remote{
		"192.0.2.1":    {ASN: 64500, Org: "Example \x1b[2J Ltd", Country: "DE"},
		"192.0.2.200":  {ASN: 64500, Org: "Example \x1b[2J Ltd", Country: "FR"},
		"198.51.100.1": {ASN: 64501, Org: "Two"},
		"203.0.113.1":  {ASN: 1, Org: "Everybody", Country: "JP"},
		"2001:db8::1":  {ASN: 4200000000, Org: "Six"},
		"2001:db9::1":  {},
	} {
		var got conn.Remote
		n.describe(&got, address(addr))
		if got != want {
			t.Errorf("%s: %+v, want %+v", addr, got, want)
		}
	}
}

// TestNetworksOfRows has networks beside names of every source, and alone.
func TestNetworksOfRows(t *testing.T) {
	h := newHost(t)
	h.namer = New(Config{Networks: open(t, asnFile(t))})
	h.learns(1, web, "192.0.2.1", 60)
	if r := h.remoteOf(1, to("192.0.2.1")); r == nil || r.Name != "web.example" || r.ASN != 64500 {
		t.Errorf("%+v", r)
	}
	first := h.remoteOf(1, to("192.0.2.2"))
	if first == nil || first.Name != "" || first.ASN != 64500 || h.remoteOf(1, to("192.0.2.2")) != first {
		t.Errorf("%+v", first)
	}
	if r := h.remoteOf(1, to("203.0.113.1")); r != nil {
		t.Errorf("of an address that no file has: %+v", r)
	}
	if n, err := OpenNetworks(nil); n != nil || err != nil {
		t.Errorf("%v, %v", n, err)
	}
}

// TestNotNetworks refuses what is missing, damaged or of another kind, by name.
func TestNotNetworks(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole, err := os.ReadFile(asnFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(dir, "missing"):       "no such file",
		dir:                                 "directory",
		write("empty", nil):                 "no MaxMind database",
		write("text", []byte("hello")):      "no MaxMind database",
		write("half", whole[:len(whole)/2]): "no MaxMind database",
		database(t, "GeoIP2-Domain", map[string]mmdbtype.Map{"192.0.2.0/24": {"domain": mmdbtype.String("x")}}): "neither networks nor countries",
	} {
		_, err := OpenNetworks([]string{path})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzNetworks reads a database that is damaged anywhere: it says nothing, or something,
// and does not fall over.
func FuzzNetworks(f *testing.F) {
	for _, path := range []string{asnFile(f), countryFile(f)} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := OpenNetworks([]string{path})
		if err != nil {
			return
		}
		for _, a := range []string{"192.0.2.1", "192.0.2.200", "203.0.113.1", "2001:db8::1", "255.255.255.255", "::"} {
			var r conn.Remote
			n.describe(&r, address(a))
		}
	})
}
