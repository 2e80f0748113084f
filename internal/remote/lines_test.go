package remote

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// TestLines has a host that sends lines without an end in sight between those that it may.
func TestLines(t *testing.T) {
	longest := strings.Repeat("b", maxLine-1)
	l := newLines(strings.NewReader("a\n" + longest + "\n" + strings.Repeat("c", 16*maxLine) + "\nd\n" + strings.Repeat("e", 16*maxLine)))
	for _, want := range []string{"a", longest, "d"} {
		got, err := l.next()
		if err != nil || string(got) != want {
			t.Fatalf("%.20q of %d bytes, %v; want %.20q of %d", got, len(got), err, want, len(want))
		}
	}
	if _, err := l.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: %v", err)
	}
	if l.long != 2 || cap(l.buf) > 2*maxLine {
		t.Errorf("%d lines were too long; room for %d bytes is kept", l.long, cap(l.buf))
	}
}

// TestLinesDeadline has a line that comes in two parts, with a deadline in between.
func TestLinesDeadline(t *testing.T) {
	l := newLines(io.MultiReader(strings.NewReader("first "), &once{err: os.ErrDeadlineExceeded}, strings.NewReader("second\n"), iotest.ErrReader(io.EOF)))
	if _, err := l.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("in the midst of the line: %v", err)
	}
	if got, err := l.next(); err != nil || string(got) != "first second" {
		t.Errorf("%q, %v", got, err)
	}
}

// once is a reader that fails once.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}
