package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ready has the file open for a tick at now: the one that the path names, not larger
// and not older than it may be.
func (l *Log) ready(now time.Time) error {
	if l.file != nil && !l.file.is(l.cfg.Path) {
		l.leave()
		l.say("the file was removed, moved or changed by somebody else; it is opened again")
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.due(now) {
		l.stuck = l.rotate()
		if l.stuck != nil {
			l.fail(l.stuck, 0)
		} else if err := l.open(); err != nil {
			return err
		}
	}
	if l.file.begun.IsZero() {
		l.file.begun = now
	}
	return nil
}

// due reports whether the file is to be moved away.
func (l *Log) due(now time.Time) bool {
	f := l.file
	if !f.regular || f.size == 0 {
		return false
	}
	return l.cfg.MaxSize > 0 && f.size >= l.cfg.MaxSize || l.cfg.MaxAge > 0 && now.Sub(f.begun) >= l.cfg.MaxAge
}

// rotate moves the file away as logrotate(8) does: the newest is number 1, the one
// beyond the last that is kept goes. A number that is free stops the others.
func (l *Log) rotate() error {
	keep := max(l.cfg.Keep, 1)
	free := 1
	for free < keep && exists(l.moved(free)) {
		free++
	}
	for n := free; n > 1; n-- {
		if err := os.Rename(l.moved(n-1), l.moved(n)); err != nil {
			return &rotateError{bare(err)}
		}
	}
	if err := os.Rename(l.cfg.Path, l.moved(1)); err != nil {
		return &rotateError{bare(err)}
	}
	l.leave()
	return nil
}

// moved is the path of the nth newest file that was moved away. Its number stands
// before the extension of its compression, so that tools still know it.
func (l *Log) moved(n int) string { return fmt.Sprintf("%s.%d%s", l.kind.base, n, l.kind.ext) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
