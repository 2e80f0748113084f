package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file of another user says nothing, whoever links to it.
func TestConfigOfAnotherUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("numeric = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		owner   int
		ignored string
	}{
		{os.Geteuid(), ""},
		{os.Geteuid() + 1, map[bool]string{false: "it belongs to uid"}[os.Geteuid() == 0]},
	} {
		f := configFile{path: path, owner: tt.owner}
		ignored, err := f.read()
		if err != nil || !strings.HasPrefix(ignored, tt.ignored) || (ignored == "") != (tt.ignored == "") || (f.setting == nil) != (ignored != "") {
			t.Errorf("owner %d: ignored %q, %v, %v; want %q", tt.owner, ignored, err, f.setting, tt.ignored)
		}
	}
}

// A pipe in the file's place holds nobody up.
func TestConfigIsAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f := configFile{path: path, owner: os.Geteuid()}
	if ignored, err := f.read(); err != nil || ignored != "it is no regular file" {
		t.Errorf("ignored %q, %v", ignored, err)
	}
}

func TestConfigSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\n", maxConfig/2+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	f := configFile{path: path, owner: os.Geteuid()}
	if _, err := f.read(); err == nil || !strings.HasSuffix(err.Error(), "more than 64 KiB") {
		t.Errorf("%v", err)
	}
}

// Whatever stands in a file, it is refused with exit status 78 or printed as a file
// that says the same.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"theme = \"dark\"", "rport = [443, \"8000-8100\"]", "interval = 2.5", "fields = \"\\u001b[2J\"", "[a]\nb=1", "user = '\"\\'"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		setting, err := parseConfig(text)
		if err != nil {
			return
		}
		first := settings(t, setting)
		again, err := parseConfig([]byte(first))
		if err != nil {
			t.Fatalf("what is printed is no file: %v\n%s", err, first)
		}
		if second := settings(t, again); second != first {
			t.Errorf("printed %q, then %q", first, second)
		}
	})
}

// settings is what tcptop config prints of those that it takes.
func settings(t *testing.T, setting map[string]any) string {
	flags, origins := newFlagSet(), map[string]string{}
	for _, g := range newOptions().groups() {
		flags.AddFlagSet(g.flags)
	}
	for name, v := range setting {
		text, err := settingText(v)
		if err == nil {
			err = setFlag(flags, name, text, "file", origins)
			if f, ok := errors.AsType[*failure](err); err != nil && (!ok || f.code != exitConfig) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return settingsText(flags, origins)
}
