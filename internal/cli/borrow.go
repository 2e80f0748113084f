package cli

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/doctor"
	"tcptop/internal/sandbox"
)

// borrow keeps what whoever started the program could have it read with capabilities of its
// file from being read with these: until a collector opens they are out of force, and what
// is read later is no longer in the environment.
func (env *Env) borrow() {
	if err := sandbox.Setuid(); err != nil {
		env.Refuse = &failure{code: exitPermission, msg: err.Error(), hint: "take the mode bits away, and " + env.grant()}
		return
	}
	if !sandbox.Borrowed() {
		return
	}
	raise, err := sandbox.Lower()
	if err != nil {
		env.Refuse = &failure{code: exitRuntime, msg: err.Error()}
		return
	}
	if tz, given := os.LookupEnv("TZ"); given {
		env.Local = zone(strings.TrimPrefix(tz, ":"))
	}
	env.Environ = slices.DeleteFunc(slices.Clone(env.Environ), readLater)
	os.Clearenv() // libraries ask it too, as for terminfo(5)
	env.Open, env.OpenDiag = raised(raise, env.Open), raised(raise, env.OpenDiag)
	examine := env.Examine
	env.Examine = func(version string) (*doctor.Report, error) {
		if err := raise(); err != nil {
			return nil, err
		}
		return examine(version)
	}
}

func raised(raise func() error, open func(conn.Config) (Collector, error)) func(conn.Config) (Collector, error) {
	return func(cfg conn.Config) (Collector, error) {
		if err := raise(); err != nil {
			return nil, err
		}
		return open(cfg)
	}
}

// zone is what TZ names, UTC where this user may not read it: a library has looked already
// (toml, when it starts), before anything could be out of force.
func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name) // no path
	if filepath.IsAbs(name) {
		loc, err = zoneFile(name)
	}
	if err != nil {
		return time.UTC
	}
	return loc
}

// maxZone bounds a file of a zone; the largest have 4 KB.
const maxZone = 1 << 20

func zoneFile(path string) (*time.Location, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxZone))
	if err != nil {
		return nil, err
	}
	return time.LoadLocationFromTZData("Local", text)
}

// readLater reports whether a variable names something that is opened while tcptop runs:
// sockets of container runtimes, and a description of the terminal by its path.
func readLater(variable string) bool {
	name, value, _ := strings.Cut(variable, "=")
	switch name {
	case "CONTAINERD_ADDRESS", "CONTAINER_RUNTIME_ENDPOINT", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR":
		return true
	case "TERM":
		return strings.Contains(value, "/")
	}
	return false
}
