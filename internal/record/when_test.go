package record

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, zone)
	near := time.Date(2026, 11, 24, 18, 30, 0, 0, zone)
	for s, want := range map[string]string{
		"03:10":                     "2026-11-24T03:10:00+02:00",
		"03:10:07":                  "2026-11-24T03:10:07+02:00",
		"18:30":                     "2026-11-24T18:30:00+02:00",
		"18:31":                     "2026-11-23T18:31:00+02:00",
		" 23:59 ":                   "2026-11-23T23:59:00+02:00",
		"yesterday 03:10":           "2026-11-24T03:10:00+02:00",
		"today 03:10":               "2026-11-25T03:10:00+02:00",
		"2h ago":                    "2026-11-25T10:00:00+02:00",
		"2 hours ago":               "2026-11-25T10:00:00+02:00",
		"1h30m ago":                 "2026-11-25T10:30:00+02:00",
		"3d ago":                    "2026-11-22T12:00:00+02:00",
		"-90s":                      "2026-11-25T11:58:30+02:00",
		"-1 week":                   "2026-11-18T12:00:00+02:00",
		"now":                       "2026-11-25T12:00:00+02:00",
		"2026-11-20":                "2026-11-20T00:00:00+02:00",
		"2026-11-20 03:10":          "2026-11-20T03:10:00+02:00",
		"2026-11-20T03:10:09":       "2026-11-20T03:10:09+02:00",
		"2026-11-20T03:10:09Z":      "2026-11-20T03:10:09Z",
		"2026-11-20T03:10:09.5Z":    "2026-11-20T03:10:09.5Z",
		"2026-11-20T03:10:09-05:00": "2026-11-20T03:10:09-05:00",
	} {
		got, err := ParseTime(s, now, near)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v and %v, want %s", s, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, s := range []string{"", " ", "3", "25:00", "03:60", "ago", "x ago", "2x ago", "-", "--1h", "yesterday", "soon", "2026-13-01", "99999999999h ago", "03:10 "[:3]} {
		if got, err := ParseTime(s, now, near); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func TestParseAge(t *testing.T) {
	for s, want := range map[string]time.Duration{"7d": 168 * time.Hour, "36h": 36 * time.Hour, "2 weeks": 336 * time.Hour, "90s": 90 * time.Second, "10 min": 10 * time.Minute} {
		if got, err := ParseAge(s); err != nil || got != want {
			t.Errorf("%q: %v and %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "7", "d", "-1h", "1.5d", "4294967296d", "4294967295 weeks"} {
		if got, err := ParseAge(s); err == nil {
			t.Errorf("%q: %v, want an error", s, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"03:10", "2h ago", "yesterday 3:10", "2026-11-20T03:10:09Z", "-7d"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseTime(s, now, now)
		if err != nil {
			return
		}
		again, err := ParseTime(at.Format(time.RFC3339Nano), now, now)
		if (err != nil || !again.Equal(at)) && at.Year() >= 0 {
			t.Errorf("%q is %v, which is %v: %v", s, at, again, err)
		}
	})
}
