package logfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// NameError is a path that does not say the format.
type NameError struct{ Path string }

func (e *NameError) Error() string {
	return "the name does not end in .csv or .jsonl, nor in one of them and .gz or .zst"
}

// ExistsError is a file that cannot be appended to, since it holds something else.
type ExistsError struct {
	Path string
	What string // that is wrong with it
}

func (e *ExistsError) Error() string { return "the file exists and " + e.What }

// rotateError is why a file is not moved away.
type rotateError struct{ err error }

func (e *rotateError) Error() string { return "cannot be rotated: " + e.err.Error() }
func (e *rotateError) Unwrap() error { return e.err }

var (
	errSlow = errors.New("the disk is too slow for the ticks")
	errBusy = errors.New("another process writes it")
	errLink = errors.New("it is a link that another user has made")
)

// hopeless reports whether err is a mistake of whoever chose the path: nothing that
// happens to the host makes it go away.
func hopeless(err error) bool {
	var exists *ExistsError
	return errors.As(err, &exists) || errors.Is(err, errBusy) || errors.Is(err, errLink) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// consequence is what follows from err, for people.
func consequence(err error) string {
	if _, ok := errors.AsType[*rotateError](err); ok {
		return "; it grows beyond its bound"
	}
	return "; what is not written is counted"
}

// bare is err without the path, which whoever prints it names.
func bare(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
