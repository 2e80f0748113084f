package column

import (
	"math"
	"math/bits"
	"strconv"
)

// Style says how values are written for people.
type Style struct {
	Bits  bool // rates in bits per second instead of bytes
	ASCII bool // "us" instead of "µs"
}

// Append writes n, a value of kind k, for people: at Width(k) screen cells where
// that is not 0, right-aligned. Text and IP have no such form.
func (st Style) Append(dst []byte, k Kind, n int64) []byte {
	switch k {
	case Count:
		return AppendCount(dst, unsigned(n))
	case Bytes:
		return AppendBytes(dst, unsigned(n))
	case Rate:
		if st.Bits {
			return AppendBits(dst, unsigned(n))
		}
		return AppendRate(dst, unsigned(n))
	case Micros:
		return appendMicros(dst, unsigned(n), st.ASCII)
	case Millis:
		return AppendMillis(dst, unsigned(n))
	case Percent:
		return append(strconv.AppendInt(dst, n, 10), '%')
	case PPM:
		return AppendPPM(dst, unsigned(n))
	case Bool:
		return strconv.AppendBool(dst, n != 0)
	case Time:
		return AppendTime(dst, n)
	}
	return strconv.AppendInt(dst, n, 10)
}

// Width is how many screen cells Style.Append takes for every value of kind k;
// 0 where that depends on the value.
func Width(k Kind) int {
	switch k {
	case Count:
		return 5
	case Bytes, Micros, Millis, PPM:
		return 7
	case Rate:
		return 9
	case Time:
		return 24
	}
	return 0
}

// AppendCount writes a number of things in 5 cells: " 1234", " 123k", "1.23M".
func AppendCount(dst []byte, n uint64) []byte {
	if n < 1e5 {
		return appendPadded(dst, n, 5)
	}
	dst, prefix := appendSI(dst, n)
	return append(dst, prefix)
}

// AppendBytes writes bytes in 7 cells, in steps of 1000: "  123 B", "1.23 MB".
func AppendBytes(dst []byte, n uint64) []byte { return appendUnit(dst, n, "B") }

// AppendRate writes bytes per second in 9 cells: "  123 B/s", "12.3 MB/s".
func AppendRate(dst []byte, n uint64) []byte { return appendUnit(dst, n, "B/s") }

// AppendBits writes n bytes per second as bits per second in 9 cells:
// "  984 b/s", "98.4 Mb/s".
func AppendBits(dst []byte, n uint64) []byte {
	high, low := bits.Mul64(n, 8)
	if high != 0 {
		low = math.MaxUint64
	}
	return appendUnit(dst, low, "b/s")
}

func appendUnit(dst []byte, n uint64, unit string) []byte {
	if n < 1000 {
		dst = appendPadded(dst, n, 5)
		dst = append(dst, ' ')
		return append(dst, unit...)
	}
	dst, prefix := appendSI(dst, n)
	dst = append(dst, ' ', prefix)
	return append(dst, unit...)
}

// appendMicros writes a duration in µs in 7 cells: " 153 µs", "1.20 ms",
// "12.3 s", then as AppendMillis does. It appends 8 bytes where it writes µ.
func appendMicros(dst []byte, us uint64, ascii bool) []byte {
	if us >= 1000 {
		return appendDuration(dst, us)
	}
	dst = appendPadded(dst, us, 4)
	if ascii {
		return append(dst, " us"...)
	}
	return append(dst, " µs"...)
}

// AppendMillis writes a duration or age in ms in 7 cells: " 850 ms", " 1.23 s",
// " 1m 05s", "23h 59m", "99d 23h", "12345 d".
func AppendMillis(dst []byte, ms uint64) []byte {
	if ms < 1000 {
		dst = appendPadded(dst, ms, 4)
		return append(dst, " ms"...)
	}
	if ms > math.MaxUint64/1000 {
		ms = math.MaxUint64 / 1000
	}
	return appendDuration(dst, ms*1000)
}

// AppendPPM writes millionths as percent in 7 cells: " 0.012%", "  1.23%", "   100%".
func AppendPPM(dst []byte, ppm uint64) []byte {
	switch {
	case ppm < 10_000:
		dst = append(dst, ' ')
		dst = append(dst, byte('0'+ppm/10_000), '.', byte('0'+ppm/1000%10), byte('0'+ppm/100%10), byte('0'+ppm/10%10))
	case ppm < 1_000_000:
		dst = append(dst, "  "...)
		dst = appendThree(dst, ppm, 10_000)
	default:
		dst = appendPadded(dst, ppm/10_000, 6)
	}
	return append(dst, '%')
}

// appendDuration writes 1000 µs or more in 7 cells.
func appendDuration(dst []byte, us uint64) []byte {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	s := us / 1e6
	switch {
	case us < 999_500:
		dst = appendThree(dst, us, 1000)
		return append(dst, " ms"...)
	case us < 59_950_000:
		dst = append(dst, ' ')
		dst = appendThree(dst, us, 1e6)
		return append(dst, " s"...)
	case s < minute:
		return append(dst, " 1m 00s"...)
	case s < hour:
		return appendPair(dst, s/minute, 'm', s%minute, 's')
	case s < day:
		return appendPair(dst, s/hour, 'h', s%hour/minute, 'm')
	case s < 100*day:
		return appendPair(dst, s/day, 'd', s%day/hour, 'h')
	}
	dst = appendPadded(dst, min(s/day, 99999), 5)
	return append(dst, " d"...)
}

// appendPair writes two numbers below 100 and their units, such as " 1m 05s".
func appendPair(dst []byte, a uint64, aUnit byte, b uint64, bUnit byte) []byte {
	dst = appendPadded(dst, a, 2)
	return append(dst, aUnit, ' ', byte('0'+b/10), byte('0'+b%10), bUnit)
}

// appendSI writes three digits of n, 1000 or more, and returns its prefix.
func appendSI(dst []byte, n uint64) ([]byte, byte) {
	const prefixes = "kMGTPE"
	unit := uint64(1000)
	i := 0
	for ; i < len(prefixes)-1 && rounded(n, unit) >= 1000; i++ {
		unit *= 1000
	}
	return appendThree(dst, n, unit), prefixes[i]
}

// appendThree writes n/unit, which rounds to less than 1000, with three digits in
// 4 cells.
func appendThree(dst []byte, n, unit uint64) []byte {
	if q := rounded(n, unit/100); q < 1000 {
		return append(dst, byte('0'+q/100), '.', byte('0'+q/10%10), byte('0'+q%10))
	}
	if q := rounded(n, unit/10); q < 1000 {
		return append(dst, byte('0'+q/100), byte('0'+q/10%10), '.', byte('0'+q%10))
	}
	return appendPadded(dst, rounded(n, unit), 4)
}

// rounded is n/unit to the nearest.
func rounded(n, unit uint64) uint64 {
	q := n / unit
	if rest := n % unit; rest >= unit-rest {
		q++
	}
	return q
}

// appendPadded writes n in decimal, right-aligned in width cells.
func appendPadded(dst []byte, n uint64, width int) []byte {
	for limit := uint64(10); width > 1; width, limit = width-1, limit*10 {
		if n < limit {
			dst = append(dst, "        "[:width-1]...)
			break
		}
	}
	return strconv.AppendUint(dst, n, 10)
}

func unsigned(n int64) uint64 { return uint64(max(n, 0)) }
