package main

import "cmp"

// naturally compares names as people do: digits by value, the rest by byte.
func naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := lead(a), lead(b)
		if isDigit(a[0]) && isDigit(b[0]) {
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
		} else if c := cmp.Compare(x, y); c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

// lead returns the digits that s begins with, or its first byte.
func lead(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:max(n, 1)]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
