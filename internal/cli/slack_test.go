package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// TestSlacken holds that all threads may sleep longer, and that one does that is started later.
func TestSlacken(t *testing.T) {
	testkit.Root(t) // CAP_SYS_NICE
	slacken()
	done := make(chan struct{})
	defer close(done)
	started := make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			started <- struct{}{}
			<-done
		}()
		<-started
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(tasks) < 8 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile("/proc/" + filepath.Base(task) + "/timerslack_ns")
		if err != nil {
			continue // it has ended
		}
		if got := strings.TrimSpace(string(text)); got != "1000000" {
			t.Errorf("thread %s may sleep %s ns longer", filepath.Base(task), got)
		}
	}
}
