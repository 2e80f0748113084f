package logfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tcptop/internal/column"
	"tcptop/internal/output"
)

// file is an open log. It ends with a whole line at any time, but while a write is
// under way.
type file struct {
	*os.File
	packer  packer
	regular bool
	size    int64
	begun   time.Time // zero where nothing was written yet
	packed  []byte
}

// Write packs whole lines and appends them.
func (f *file) Write(lines []byte) (int, error) {
	var err error
	if f.packed, err = f.packer.pack(f.packed[:0], lines); err != nil {
		return 0, err
	}
	n, err := f.File.Write(f.packed)
	if err != nil && f.regular {
		// Where not even this works, whoever opens the file again does it.
		_ = f.Truncate(f.size)
	}
	if err != nil {
		return 0, bare(err)
	}
	f.size += int64(n)
	return len(lines), nil
}

// is reports whether path still is this file, as it was left.
func (f *file) is(path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	mine, err := f.Stat()
	return err == nil && os.SameFile(there, mine) && (!f.regular || mine.Size() == f.size)
}

// openFile opens path to append to it, with no more than whole lines in it. cut is
// how much of an unfinished line, or a block of them, was taken off its end.
func openFile(path string, k kind, fields []*column.Column, force bool) (_ *file, cut int64, err error) {
	f, err := openLink(path)
	if err != nil {
		return nil, 0, bare(err)
	}
	opened := &file{File: f, packer: k.packer}
	if cut, err = opened.prepare(path, k, fields, force); err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return opened, cut, nil
}

// openLink follows a link that this user or root has made: another one's could lead to
// what that one may not write to.
func openLink(path string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0o600)
	if !errors.Is(err, unix.ELOOP) {
		return f, err
	}
	var link unix.Stat_t
	if err := unix.Lstat(path, &link); err != nil {
		return nil, err
	}
	if link.Uid != 0 && int(link.Uid) != os.Geteuid() {
		return nil, errLink
	}
	return os.OpenFile(path, flags, 0o600)
}

func (f *file) prepare(path string, k kind, fields []*column.Column, force bool) (cut int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if f.regular = info.Mode().IsRegular(); !f.regular {
		return 0, nil
	}
	// A file system without locks has nobody to refuse.
	if errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return 0, errBusy
	}
	f.size = info.Size()
	what, end, err := f.inspect(k, fields)
	switch {
	case err != nil:
		return 0, err
	case what != "" && !force:
		return 0, &ExistsError{path, what}
	case what != "":
		end = 0
	default:
		cut = f.size - end
	}
	if end < f.size {
		err = f.Truncate(end)
		f.size = end
	}
	if end > 0 {
		f.begun = birth(f.File, info)
	}
	return cut, err
}

// inspect says what keeps the file from being appended to, "" where nothing does,
// and where its last whole line ends.
func (f *file) inspect(k kind, fields []*column.Column) (what string, end int64, err error) {
	if f.size == 0 {
		return "", 0, nil
	}
	end, err = k.packer.whole(f.File, f.size)
	switch {
	case errors.Is(err, errForeign):
		return err.Error(), 0, nil
	case err != nil:
		return "", 0, bare(err)
	case end == 0:
		return f.inspectBegin(k, fields), 0, nil
	}
	line, err := firstLine(k.packer, io.NewSectionReader(f.File, 0, end))
	if err != nil {
		return "cannot be read: " + err.Error(), 0, nil
	}
	if k.format == output.CSV {
		return checkHeader(line, fields), end, nil
	}
	return checkKeys(line, fields), end, nil
}

// inspectBegin says what is wrong with a file that holds less than a line.
func (f *file) inspectBegin(k kind, fields []*column.Column) string {
	want := k.packer.magic()
	switch {
	case want != nil:
	case k.format == output.CSV:
		want = output.AppendHeader(nil, fields)
	default:
		want = fmt.Appendf(nil, "{%q:", fields[0].Name)
	}
	got := make([]byte, min(len(want), int(min(f.size, maxLine))))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.HasPrefix(want, got) {
		return "does not begin as a log does"
	}
	return ""
}

// firstLine is the first line of a file, without its end.
func firstLine(p packer, f io.Reader) ([]byte, error) {
	r, err := p.unpack(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, maxLine)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	line, _, _ := bytes.Cut(head[:n], []byte{'\n'})
	return line, nil
}

// checkHeader says what is wrong with the first line of a CSV file.
func checkHeader(line []byte, fields []*column.Column) string {
	if string(append(line, '\n')) == string(output.AppendHeader(nil, fields)) {
		return ""
	}
	return "its header is another"
}

// checkKeys says what is wrong with the first object of a JSON lines file.
func checkKeys(line []byte, fields []*column.Column) string {
	const other = "its fields are others"
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "its first line is no JSON object"
	}
	for _, c := range fields {
		key, err := d.Token()
		if err != nil || key != any(c.Name) {
			return other
		}
		var value any
		if d.Decode(&value) != nil {
			return other
		}
	}
	if d.More() {
		return other
	}
	return ""
}

// birth is when f was made or, where the file system does not know, last written.
func birth(f *os.File, info os.FileInfo) time.Time {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return info.ModTime()
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}

// open opens the file and says what was found.
func (l *Log) open() error {
	f, cut, err := openFile(l.cfg.Path, l.kind, l.cfg.Fields, l.cfg.Force)
	if err != nil {
		return err
	}
	l.cfg.Force = false // once
	if cut > 0 {
		l.say(fmt.Sprintf("%d bytes that were not finished are cut off its end", cut))
	}
	l.file = f
	l.whole = true
	l.lines, err = output.New(f, nil, output.Config{Format: l.kind.format, Fields: l.cfg.Fields, Append: f.size > 0})
	return err
}

// leave closes the file, if one is open.
func (l *Log) leave() {
	if l.file != nil {
		_ = l.file.Close() // every write said what there was to say
		l.file = nil
	}
}
