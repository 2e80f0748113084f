package cli

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// pulse says that ticks come: to who asks in this process, and by a file's time.
type pulse struct {
	file  *os.File // nil is none
	last  atomic.Int64
	limit time.Duration // without a tick for longer it is not well
}

// unwell is after how long without a tick an agent is not well.
const unwell = 30 * time.Second

func openPulse(path string, interval time.Duration) (*pulse, error) {
	p := &pulse{limit: max(unwell, 10*interval)}
	p.last.Store(time.Now().UnixNano()) // it has that long to begin
	if path == "" {
		return p, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, &failure{code: exitRuntime, msg: "--health: " + err.Error()}
	}
	p.file = f
	return p, nil
}

// beat notes a tick. The file is open, so that nothing has to be; where it cannot be
// written its time stays, which says as much.
func (p *pulse) beat() {
	now := time.Now()
	p.last.Store(now.UnixNano())
	if p.file != nil {
		_, _ = p.file.WriteAt([]byte(now.UTC().Format("2006-01-02T15:04:05Z\n")), 0)
	}
}

// well reports whether ticks come, and how long ago the last one did.
func (p *pulse) well() (time.Duration, bool) {
	age := time.Since(time.Unix(0, p.last.Load())).Round(time.Millisecond)
	return age, age <= p.limit
}

func (p *pulse) close() error {
	if p == nil || p.file == nil {
		return nil
	}
	return p.file.Close()
}

// checkHealth is agent --check.
func (env *Env) checkHealth(path string) error {
	if path == "" {
		return usagef("--health FILE is the one that the agent touches", "--check needs --health")
	}
	info, err := os.Stat(path)
	if err != nil {
		return &failure{code: exitRuntime, msg: "no agent: " + err.Error()}
	}
	if age := time.Since(info.ModTime()); age > unwell {
		return &failure{code: exitRuntime, msg: fmt.Sprintf("the agent's last tick was %v ago", age.Round(time.Second))}
	}
	return nil
}
