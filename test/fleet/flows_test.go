package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tcptop/internal/column"
	"tcptop/internal/flow"
	"tcptop/internal/ship"
	"tcptop/internal/spool"
	"tcptop/internal/testkit"
	"tcptop/internal/testkit/records"
)

// agent is what an agent does with records, without one.
type agent struct {
	host    *records.Host
	shipper *ship.Shipper
}

func newAgent(t testing.TB, name, to string, cfg spool.Config) *agent {
	t.Helper()
	schema := flow.NewSchema(column.New())
	cfg.Dir, cfg.Host, cfg.Epoch, cfg.Schema = t.TempDir()+"/spool", name, uint64(time.Now().UnixNano()), schema
	sp, err := spool.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	target, err := ship.ParseTarget(to)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := ship.NewTransport(ship.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = sp.Close()
	})
	h := records.NewHost()
	h.Name = name
	return &agent{h, ship.Start(ship.Config{Target: target, Spool: sp, Fields: schema.Fields(), Interval: 100 * time.Millisecond,
		Client: ship.NewClient(transport), Version: "test"})}
}

// delivered waits until nothing is left to send.
func (a *agent) delivered(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func() error {
		if st := a.shipper.Stats(); st.Queued+st.Spool.Segments > 0 {
			return fmt.Errorf("%s: %d segments wait; %v", a.host.Name, st.Spool.Segments, st.Err) //nolint:errorlint // often nil
		}
		return nil
	})
}

// written waits until nothing waits for the disk.
func (a *agent) written(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func() error {
		if n := a.shipper.Stats().Queued; n > 0 {
			return fmt.Errorf("%d intervals wait", n)
		}
		return nil
	})
}

// sums asks an engine what it has of each host.
func sums(e *engine, from string) map[string][2]string {
	all := map[string][2]string{}
	for line := range strings.Lines(e.query("SELECT host, sum(rx_bytes), sum(tx_bytes) FROM " + from + " GROUP BY host FORMAT TabSeparated")) {
		f := strings.Fields(line)
		all[f[0]] = [2]string{f[1], f[2]}
	}
	return all
}

// once is the table without what came twice.
const once = "(SELECT * FROM tcptop.flows LIMIT 1 BY host, epoch, seq)"

// deliver has four agents deliver for a while to an engine that is killed at random
// moments and whose answers get lost, and holds that it has what there was.
func deliver(t *testing.T, e *engine, kills int, cfg spool.Config, through string) {
	var agents []*agent
	for n := range 4 {
		agents = append(agents, newAgent(t, fmt.Sprintf("host-%d", n), through, cfg))
	}
	var work sync.WaitGroup
	stop := make(chan struct{})
	for _, a := range agents {
		work.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					a.shipper.Put(a.host.Interval())
				case <-stop:
					return
				}
			}
		})
	}
	for range kills {
		time.Sleep(time.Duration(500+rand.IntN(1500)) * time.Millisecond)
		e.kill()
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
		e.start()
	}
	close(stop)
	work.Wait()
	for _, a := range agents {
		a.delivered(t)
		a.shipper.Put(a.host.Interval()) // tells of what was dropped last
		a.delivered(t)
		a.shipper.Close(10 * time.Second)
	}
	got := sums(e, once)
	for _, a := range agents {
		truth := [2]string{fmt.Sprint(a.host.Truth.RxBytes), fmt.Sprint(a.host.Truth.TxBytes)}
		if got[a.host.Name] != truth {
			t.Errorf("%s: the engine has %v, there was %v", a.host.Name, got[a.host.Name], truth)
		}
		st := a.shipper.Stats()
		t.Logf("%s: %d requests, %d retries, dropped %v", a.host.Name, st.Requests, st.Retries, st.Spool.Dropped)
		switch {
		case cfg.MaxSize == 0:
			delete(st.Spool.Dropped, spool.DiskSlow) // a busy machine's
			if len(st.Spool.Dropped) > 0 {
				t.Errorf("%s dropped something", a.host.Name)
			}
		default:
			counted := st.Spool.Dropped[spool.SpoolFull].Moved.RxBytes
			told := e.query("SELECT sum(rx_bytes) FROM " + once + " WHERE reason = 'spool_full' AND host = '" + a.host.Name + "'")
			if fmt.Sprint(counted) != told || counted == 0 {
				t.Errorf("%s counted %d bytes that it dropped and told of %s", a.host.Name, counted, told)
			}
		}
	}
	t.Logf("rows %s, once %s", e.query("SELECT count() FROM tcptop.flows"), e.query("SELECT count() FROM "+once))
}

// loseSome loses every n-th answer.
func loseSome(n int) func() bool {
	var mu sync.Mutex
	asked := 0
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return asked%n == 0
	}
}

// TestClickHouse18 is Debian's server, killed at random moments, with answers that get lost.
func TestClickHouse18(t *testing.T) {
	e := clickhouse(t)
	e.start()
	e.tables("flows-18.16.sql")
	kills := 3
	if testing.Short() {
		kills = 1
	}
	deliver(t, e, kills, spool.Config{}, proxy(t, e, loseSome(7)))
}

// TestClickHouse18Full does so with spools that an outage fills.
func TestClickHouse18Full(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	e := clickhouse(t)
	e.start()
	e.tables("flows-18.16.sql")
	deliver(t, e, 2, spool.Config{MaxSize: 5 * 4096}, e.address())
}

// TestClickHouseNow is the engine of today: by their tokens inserts are there once, in the
// sums by the minute, too.
func TestClickHouseNow(t *testing.T) {
	e := chdb(t)
	e.start()
	e.tables("flows.sql")
	deliver(t, e, 2, spool.Config{}, proxy(t, e, loseSome(5)))
	for _, table := range []string{"tcptop.flows", "tcptop.flows_1m"} {
		if got, want := sums(e, table), sums(e, once); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s has %v, not %v", table, got, want)
		}
	}
}

// Each field has a column in both files, and each column is a field's.
func TestTables(t *testing.T) {
	var want []string
	for _, f := range flow.NewSchema(column.New()).Fields() {
		want = append(want, f.Name)
	}
	for _, engine := range []func(testing.TB) *engine{clickhouse, chdb} {
		file := "flows-18.16.sql"
		e := engine(t)
		if strings.HasSuffix(e.args[1], ".js") {
			file = "flows.sql"
		}
		e.start()
		e.tables(file)
		got := strings.Split(e.query("SELECT name FROM system.columns WHERE database = 'tcptop' AND table = 'flows' FORMAT TabSeparated"), "\n")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v\nnot %v", file, got, want)
		}
	}
}
