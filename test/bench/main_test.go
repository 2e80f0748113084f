package bench

import (
	"os"
	"strconv"
	"testing"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// effort is how long a comparison takes; more of it narrows the spread.
type effort struct {
	pairs   int     // rounds, in each of which everything that is compared runs once
	seconds float64 // of each run
}

// asked reads the effort from the environment, since other packages' benchmarks
// would not take a flag of ours.
func asked(b *testing.B) effort {
	return effort{
		pairs:   int(number(b, "TCPTOP_BENCH_PAIRS", 9)),
		seconds: number(b, "TCPTOP_BENCH_SECONDS", 1),
	}
}

func number(b *testing.B, name string, otherwise float64) float64 {
	s, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n <= 0 {
		b.Fatalf("%s=%s is no number above 0", name, s)
	}
	return n
}
