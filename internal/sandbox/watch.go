package sandbox

import "time"

// keepWatch keeps the runtime's monitor awake until the returned function is called, for
// calls that stop the world, as one made in every thread does. A goroutine that enters a
// system call just then may keep its processor (in Go 1.26 and 1.27 reentersyscall,
// runtime/proc.go, asks whether the world stops before it says where it is), and the world
// waits until the monitor takes it away: at the next timer, or where there is none after a
// minute. The timers are set at once, since in a stopped world none is set anew: no wait is
// longer than all that went before.
func keepWatch() (enough func()) {
	var timers []*time.Timer
	for d := 10 * time.Millisecond; d < time.Minute; d *= 2 {
		timers = append(timers, time.AfterFunc(d, func() {}))
	}
	return func() {
		for _, t := range timers {
			t.Stop()
		}
	}
}
