package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// loadEnv names a traffic generator that is built already, for machines without
// a Go toolchain.
const loadEnv = "TCPTOP_LOAD"

// builtLoad is the traffic generator, built once for a test binary.
var builtLoad loadBuild

type loadBuild struct {
	once sync.Once
	dir  string
	err  error
}

// Load returns the path of the traffic generator test/load, which it builds
// when first asked unless TCPTOP_LOAD names one. Main removes it.
func Load(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(loadEnv); path != "" {
		return path
	}
	builtLoad.once.Do(builtLoad.build)
	if builtLoad.err != nil {
		t.Fatalf("build test/load: %v", builtLoad.err)
	}
	return filepath.Join(builtLoad.dir, "load")
}

func (b *loadBuild) build() {
	if b.dir, b.err = os.MkdirTemp("", "tcptop-load-"); b.err != nil {
		return
	}
	c := exec.Command("go", "build", "-o", b.dir, "tcptop/test/load") // tests run within the module
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		b.err = fmt.Errorf("%w\n%s", err, out)
	}
}

func removeLoad() error {
	if builtLoad.dir == "" {
		return nil
	}
	return os.RemoveAll(builtLoad.dir)
}
