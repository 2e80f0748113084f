package cli

import (
	"fmt"
	"io"
	"slices"
)

// maxFaults bounds how many different faults are told.
const maxFaults = 64

// faultReport tells stderr what fails while it is measured: each fault once.
type faultReport struct {
	stderr io.Writer
	told   []string
}

func (f *faultReport) tick(faults []string) {
	for _, what := range faults {
		if len(f.told) < maxFaults && !slices.Contains(f.told, what) {
			f.told = append(f.told, what)
			fmt.Fprint(f.stderr, message("failed, the rest goes on: "+what, ""))
		}
	}
}
