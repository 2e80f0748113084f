package column_test

import (
	"math"
	"testing"
	"unicode/utf8"

	"tcptop/internal/column"
)

func micros(dst []byte, n uint64) []byte { return column.Style{}.Append(dst, column.Micros, int64(n)) }

func TestUnits(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    func([]byte, uint64) []byte
		n    uint64
		want string
	}{
		{"count", column.AppendCount, 0, "    0"},
		{"count", column.AppendCount, 99_999, "99999"},
		{"count", column.AppendCount, 100_000, " 100k"},
		{"count", column.AppendCount, 999_500, "1.00M"},
		{"bytes", column.AppendBytes, 0, "    0 B"},
		{"bytes", column.AppendBytes, 999, "  999 B"},
		{"bytes", column.AppendBytes, 1000, "1.00 kB"},
		{"bytes", column.AppendBytes, 9_995, "10.0 kB"},
		{"bytes", column.AppendBytes, 12_345, "12.3 kB"},
		{"bytes", column.AppendBytes, 999_499, " 999 kB"},
		{"bytes", column.AppendBytes, 999_500, "1.00 MB"},
		{"bytes", column.AppendBytes, 1_234_567_890_123, "1.23 TB"},
		{"bytes", column.AppendBytes, math.MaxUint64, "18.4 EB"},
		{"rate", column.AppendRate, 12_345_678, "12.3 MB/s"},
		{"bits", column.AppendBits, 12_345_678, "98.8 Mb/s"},
		{"bits", column.AppendBits, math.MaxUint64, "18.4 Eb/s"},
		{"micros", micros, 153, " 153 µs"},
		{"micros", micros, 1200, "1.20 ms"},
		{"micros", micros, 999_499, " 999 ms"},
		{"micros", micros, 999_500, " 1.00 s"},
		{"micros", micros, 59_949_999, " 59.9 s"},
		{"micros", micros, 59_950_000, " 1m 00s"},
		{"millis", column.AppendMillis, 850, " 850 ms"},
		{"millis", column.AppendMillis, 3_400, " 3.40 s"},
		{"millis", column.AppendMillis, 65_000, " 1m 05s"},
		{"millis", column.AppendMillis, 86_399_999, "23h 59m"},
		{"millis", column.AppendMillis, 86_400_000, " 1d 00h"},
		{"millis", column.AppendMillis, 8_640_000_000, "  100 d"},
	} {
		if got := string(tc.f(nil, tc.n)); got != tc.want {
			t.Errorf("%s %d = %q, want %q", tc.name, tc.n, got, tc.want)
		}
	}
}

func TestUnitsKeepTheirWidth(t *testing.T) {
	for _, k := range []column.Kind{column.Count, column.Bytes, column.Rate, column.Micros, column.Millis} {
		for _, st := range []column.Style{{}, {Bits: true}, {ASCII: true}} {
			for _, n := range magnitudes() {
				got := st.Append(nil, k, n)
				if w := utf8.RuneCount(got); w != column.Width(k) {
					t.Fatalf("kind %d, %+v, %d: %q has width %d, want %d", k, st, n, got, w, column.Width(k))
				}
				if st.ASCII && len(got) != utf8.RuneCount(got) {
					t.Fatalf("kind %d, %d: %q is not ASCII", k, n, got)
				}
			}
		}
	}
}

// magnitudes are the values around every power of ten, and around what rounds to
// one, with the unit steps of durations.
func magnitudes() []int64 {
	var all []int64
	for p := int64(1); p > 0 && p <= 1e18; p *= 10 {
		for _, n := range []int64{p, p * 5, p - p/200, p - p/2000, p - p/20000} {
			all = append(all, n-1, n, n+1)
		}
	}
	for _, s := range []int64{60, 3600, 86400, 8640000} {
		for _, unit := range []int64{1e3, 1e6} {
			all = append(all, s*unit-1, s*unit, s*unit+1, s*unit-unit/20)
		}
	}
	return append(all, -1, 0, math.MaxInt64)
}

func TestUnitsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	for k := column.Int; k < column.IP; k++ {
		if n := testing.AllocsPerRun(100, func() { column.Style{}.Append(buf, k, 1_234_567_890) }); n != 0 {
			t.Errorf("kind %d: %v allocations", k, n)
		}
	}
}

func FuzzUnits(f *testing.F) {
	f.Add(uint64(999_500))
	f.Fuzz(func(t *testing.T, n uint64) {
		for width, write := range map[int]func([]byte, uint64) []byte{5: column.AppendCount, 7: column.AppendBytes, 9: column.AppendBits} {
			if got := write(nil, n); len(got) != width {
				t.Errorf("%d: %q, want %d cells", n, got, width)
			}
		}
		for _, write := range []func([]byte, uint64) []byte{micros, column.AppendMillis} {
			if got := write(nil, n); utf8.RuneCount(got) != 7 {
				t.Errorf("%d: %q, want 7 cells", n, got)
			}
		}
	})
}
