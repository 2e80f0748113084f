package cli

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hangupPoll bounds how long the watch outlives its context, in milliseconds.
const hangupPoll = 1000

// onHangup calls gone when nobody can read w any more. A quiet host gives no line
// to write, so the error of a write would come too late: tcptop | head -1 has to
// end.
func onHangup(ctx context.Context, w io.Writer, gone func()) {
	f, ok := w.(*os.File)
	if !ok {
		return
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Without events asked for, poll(2) reports an end that is gone only.
		fds := []unix.PollFd{{Fd: int32(fd)}}
		for ctx.Err() == nil {
			n, err := unix.Poll(fds, hangupPoll)
			if n > 0 {
				gone()
				return
			}
			if err != nil && err != unix.EINTR {
				return
			}
		}
	})
}
