package place

import (
	"strings"
)

// systemd takes one part of a path as systemd's own parser does (cg_path_get_unit and
// cg_path_get_user_unit, src/basic/cgroup-util.c): slices lead to a unit, and the unit
// of a user's manager, user@UID.service, to slices and a unit again.
func (s *scanner) systemd(l *Location, part string) {
	if s.done {
		return
	}
	if name, ok := strings.CutSuffix(part, ".slice"); ok && validUnit(part) && name != "" {
		l.Slice = unescape(part)
		return
	}
	if !validUnit(part) {
		// The slices above lead nowhere; a container's own systemd is none of the host's.
		s.done = s.user || l.Unit != ""
		return
	}
	l.Unit = unescape(part)
	if id, ok := between(part, "session-", ".scope"); ok && !s.user {
		l.Session = unescape(id)
	}
	_, manager := between(part, "user@", ".service")
	s.done = !manager || s.user
	s.user = true
}

// unitTypes are the kinds of units that have processes.
var unitTypes = []string{".service", ".scope", ".slice", ".socket", ".mount", ".swap"}

// validUnit is unit_name_is_valid for what can be a cgroup (src/basic/unit-name.c).
func validUnit(name string) bool {
	if len(name) > 255 {
		return false
	}
	for _, t := range unitTypes {
		if stem, ok := strings.CutSuffix(name, t); ok {
			return stem != "" && stem[0] != '@' && !strings.ContainsFunc(stem, notInUnit)
		}
	}
	return false
}

func notInUnit(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return false
	}
	return !strings.ContainsRune(`:-_.\@`, r)
}

// cgUnescape takes the underscore off that cg_escape puts before names which would
// collide with the kernel's files (src/basic/cgroup-util.c).
func cgUnescape(part string) string { return strings.TrimPrefix(part, "_") }

// unescape decodes \xHH as systemd-escape --unescape does (unit_name_unescape); a dash,
// which only in the name of a path stands for a slash, stays. What is no sequence stays too.
func unescape(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+3 < len(s) && s[i] == '\\' && s[i+1] == 'x' {
			if hi, lo := hexDigit(s[i+2]), hexDigit(s[i+3]); hi >= 0 && lo >= 0 && hi+lo > 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// between is what stands between a prefix and a suffix; false where that is nothing.
func between(s, prefix, suffix string) (string, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, suffix)
	return s, ok && s != ""
}
