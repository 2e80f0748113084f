package remote

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Target is a host as ssh(1) is told of it.
type Target struct {
	Name string // as the person calls it: what rows are marked with
	Dest string // [user@]host
	Port uint16 // 0 is what ssh's configuration says
}

// A word of these letters is nothing to a shell and no option to ssh, whose own
// configuration may hand it to one (%h in ProxyCommand).
var (
	hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$`)
	userPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+@\\-]*$`)
)

// ParseWord reads a word of the command line that can only be a host: user@host,
// host: (as scp has it) or ssh://[user@]host[:port]; is is false for any other. The
// error is that it is meant as a host but can't be one.
func ParseWord(word string) (t Target, is bool, err error) {
	rest, url := strings.CutPrefix(word, "ssh://")
	user, host, at := cutLast(rest, "@")
	switch {
	case url:
		t, err = parseURL(rest)
		return t, true, err
	case strings.ContainsAny(word, " =~<>!(),/\"'"):
		return t, false, nil
	case at && user != "" && host != "":
		t, err = ParseTarget(word)
		return t, true, err
	case !at && strings.HasSuffix(word, ":") && strings.Count(word, ":") == 1 && word != ":":
		t, err = ParseTarget(strings.TrimSuffix(word, ":"))
		return t, true, err
	}
	return t, false, nil
}

// ParseTarget reads any word as a host: what ParseWord takes, and a plain name.
func ParseTarget(word string) (Target, error) {
	if rest, ok := strings.CutPrefix(word, "ssh://"); ok {
		return parseURL(rest)
	}
	word = strings.TrimSuffix(word, ":")
	user, host, at := cutLast(word, "@")
	if !at {
		user, host = "", word
	}
	return newTarget(user, at, host, 0)
}

// parseURL reads [user@]host[:port][/], as ssh(1) takes it.
func parseURL(rest string) (Target, error) {
	rest = strings.TrimSuffix(rest, "/")
	user, host, at := cutLast(rest, "@")
	if !at {
		user, host = "", rest
	}
	port := ""
	if inner, after, ok := strings.Cut(strings.TrimPrefix(host, "["), "]"); ok && strings.HasPrefix(host, "[") {
		host, port = inner, strings.TrimPrefix(after, ":")
	} else if h, p, ok := strings.Cut(host, ":"); ok {
		host, port = h, p
	}
	var n uint64
	if port != "" {
		var err error
		if n, err = strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Target{}, fmt.Errorf("%q is no port", port)
		}
	}
	return newTarget(user, at, host, uint16(n))
}

func newTarget(user string, hasUser bool, host string, port uint16) (Target, error) {
	switch {
	case len(host) > 255 || !hostPattern.MatchString(host):
		return Target{}, fmt.Errorf("%q is no name of a host", host)
	case hasUser && (len(user) > 255 || !userPattern.MatchString(user)):
		return Target{}, fmt.Errorf("%q is no name of a user", user)
	}
	t := Target{Name: host, Dest: host, Port: port}
	if hasUser {
		t.Dest = user + "@" + host
	}
	return t, nil
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Distinct gives hosts whose names are the same longer ones. The error names a host that
// is there twice: its connections would count twice.
func Distinct(all []Target) error {
	seen := make(map[Target]bool)
	times := make(map[string]int)
	for _, t := range all {
		if seen[t] {
			return fmt.Errorf("%s is named twice", t.Dest)
		}
		seen[t] = true
		times[t.Name]++
	}
	for i := range all {
		t := &all[i]
		if times[t.Name] < 2 {
			continue
		}
		t.Name = t.Dest
		if t.Port != 0 {
			t.Name += ":" + strconv.Itoa(int(t.Port))
		}
	}
	return nil
}
