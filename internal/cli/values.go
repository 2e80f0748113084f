package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/column"
)

// The types below are flag values (pflag.Value).

// seconds is a Go duration or a number of seconds, not less than shortest.
type seconds time.Duration

const shortest = 100 * time.Millisecond

func (v *seconds) Type() string   { return "time" }
func (v *seconds) String() string { return time.Duration(*v).String() }

func (v *seconds) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err != nil {
		return errors.New("not a duration, such as 1s, 500ms or 2")
	}
	if d < shortest {
		return fmt.Errorf("less than %v", shortest)
	}
	*v = seconds(d)
	return nil
}

// positive is a number from 1 up; 0 is not given.
type positive int

func (v *positive) Type() string { return "n" }

func (v *positive) String() string {
	if *v == 0 {
		return ""
	}
	return strconv.Itoa(int(*v))
}

func (v *positive) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return errors.New("not a number from 1 up")
	}
	*v = positive(n)
	return nil
}

// choice is one word of a fixed set.
type choice struct {
	word string
	of   []string
}

func (v *choice) Type() string   { return strings.Join(v.of, "|") }
func (v *choice) String() string { return v.word }

func (v *choice) Set(s string) error {
	if !slices.Contains(v.of, s) {
		msg := "not one of " + strings.Join(v.of, ", ")
		if near := column.Nearest(s, v.of); near != "" {
			msg += "; did you mean " + near + "?"
		}
		return errors.New(msg)
	}
	v.word = s
	return nil
}
