package sandbox

import "time"

// watchPause is how long the runtime's monitor may sleep while the world is stopped.
const watchPause = time.Millisecond

// keepWatch keeps the runtime's monitor awake until the returned function is called, for
// calls that stop the world, as one made in every thread does. A goroutine that enters a
// system call just then may keep its processor (in Go 1.26 and 1.27 reentersyscall,
// runtime/proc.go, asks whether the world stops before it says where it is), and the world
// waits until the monitor takes it away: at the next timer, or where there is none after a
// minute.
func keepWatch() (enough func()) {
	ticker := time.NewTicker(watchPause)
	done := make(chan struct{})
	go func() {
		for {
			select { // a ticker that nobody waits for is no timer (Go 1.23)
			case <-ticker.C:
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}
