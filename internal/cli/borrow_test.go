package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadLater(t *testing.T) {
	for variable, later := range map[string]bool{
		"DOCKER_HOST=unix:///tmp/x": true, "CONTAINER_HOST=": true, "CONTAINERD_ADDRESS=/x": true,
		"CONTAINER_RUNTIME_ENDPOINT=unix:///x": true, "XDG_RUNTIME_DIR=/tmp": true, "TERM=../../x": true,
		"TERM=xterm-256color": false, "TERM": false, "HOME=/home/ann": false, "NO_COLOR=1": false, "XDG_CONFIG_HOME=/x": false,
	} {
		if got := readLater(variable); got != later {
			t.Errorf("%s: %v", variable, got)
		}
	}
}

func TestZone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broken"), []byte("TZif"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "UTC", "UTC": "UTC", "../../etc/x": "UTC", dir: "UTC", dir + "/missing": "UTC", dir + "/broken": "UTC"} {
		if got := time.Unix(0, 0).In(zone(name)).Format("MST -0700"); got != want+" +0000" {
			t.Errorf("TZ=%s: %s", name, got)
		}
	}
}
