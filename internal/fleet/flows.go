package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// FlowsConfig says which ClickHouse is asked for records of connections (docs/fleet.md).
type FlowsConfig struct {
	URL       *url.URL
	Table     string            // quoted for SQL
	Headers   map[string]string // with each question
	Transport http.RoundTripper // nil is Go's
	Top       int               // connections that are looked for; 200
	Timeout   time.Duration     // for all questions of a snapshot; 10s
}

// Flows is asked for connections.
type Flows struct {
	cfg    FlowsConfig
	client http.Client
}

// NewFlows makes a Flows; nobody is asked yet.
func NewFlows(cfg FlowsConfig) *Flows {
	if cfg.Top <= 0 {
		cfg.Top = 200
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	return &Flows{cfg: cfg, client: http.Client{Transport: caller{&Config{Headers: cfg.Headers, Transport: cfg.Transport}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Ask asks what each host moved in its newest interval before a time; zero is now, as the
// engine has it. What is told twice counts once.
func (f *Flows) Ask(ctx context.Context, at time.Time) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	ahead := time.Duration(0)
	if at.IsZero() {
		now, err := f.rows(ctx, "SELECT toUInt32(now()) AS heard")
		if err != nil {
			return nil, err
		}
		if len(now) != 1 {
			return nil, errors.New("the engine does not say what time it is")
		}
		at, ahead = now[0].heard(), maxAhead
	}
	a, err := f.ask(ctx, at, ahead)
	if err != nil {
		return nil, err
	}
	for i := range a.Hosts {
		if h := &a.Hosts[i]; h.Heard.Sub(at) > clockOff {
			h.ticks(at)
		}
	}
	return a, nil
}

// maxAhead is how far ahead a host's clock may be: its records of now are of later.
const maxAhead = 10 * time.Minute

func (f *Flows) ask(ctx context.Context, at time.Time, ahead time.Duration) (*Answer, error) {
	var heard, totals, top []flowRow
	for _, q := range []struct {
		sql string
		to  *[]flowRow
	}{
		{"SELECT host, toUInt32(toDateTime(max(ts))) AS heard FROM " + f.between(at, gone*3, ahead) + " GROUP BY host", &heard},
		{"SELECT host, sum(rx_bytes) AS rx, sum(tx_bytes) AS tx, max(interval_ms) AS ms FROM " + f.newest(at, ahead) + " GROUP BY host", &totals},
		{"SELECT host, conn, proto, state, dir, toString(laddr) AS la, lport, toString(raddr) AS ra, rport, rname, netns, pid, comm, exe, user, unit, container, image, pod, namespace, " +
			"rx_bytes AS rx, tx_bytes AS tx, interval_ms AS ms FROM " + f.newest(at, ahead) + " WHERE kind != 'rest' ORDER BY rx_bytes + tx_bytes DESC, host, conn LIMIT " + strconv.Itoa(f.cfg.Top), &top},
	} {
		var err error
		if *q.to, err = f.rows(ctx, q.sql); err != nil {
			return nil, err
		}
	}
	return answerOf(at, heard, totals, top), nil
}

// between are the records of a time and what came before and after it.
func (f *Flows) between(at time.Time, before, after time.Duration) string {
	return fmt.Sprintf("%s WHERE ts > toDateTime(%d) AND ts <= toDateTime(%d)", f.cfg.Table, at.Add(-before).Unix(), at.Add(after).Unix())
}

// newest are the records of each host's newest interval.
func (f *Flows) newest(at time.Time, ahead time.Duration) string {
	of := f.between(at, late, ahead) + " AND reason = ''"
	return "(SELECT * FROM " + of + " AND (host, ts) IN (SELECT host, max(ts) FROM " + of + " GROUP BY host) LIMIT 1 BY host, epoch, seq)"
}

// flowRow is a row of any of the answers.
type flowRow struct {
	Host                                   string
	Heard, Rx, Tx, Ms                      number64
	Conn, Proto, State, Dir, La, Ra        string
	Lport, Rport, Netns, PID               number64
	Rname, Comm, Exe, User                 string
	Unit, Container, Image, Pod, Namespace string
}

// number64 is a number with or without quotes: servers differ.
type number64 uint64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number64) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseUint(string(bytes.Trim(b, `"`)), 10, 64)
	*n = number64(v)
	return err
}

func (f *Flows) rows(ctx context.Context, sql string) (all []flowRow, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.cfg.URL.String(), strings.NewReader(sql+" FORMAT JSONEachRow"))
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return nil, fmt.Errorf("HTTP %d: %s", resp.StatusCode, bytes.TrimSpace(text))
	}
	for d := json.NewDecoder(resp.Body); ; {
		var row flowRow
		switch err := d.Decode(&row); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil: // an answer that breaks off ends with what went wrong, which is no JSON
			return nil, fmt.Errorf("the engine's answer: %w", err)
		}
		all = append(all, row)
	}
}

// answerOf puts the answers together.
func answerOf(at time.Time, heard, totals, top []flowRow) *Answer {
	a := &Answer{Time: at, Exact: len(top)}
	index := map[string]int{}
	for i := range heard {
		index[heard[i].Host] = len(a.Hosts)
		a.Hosts = append(a.Hosts, Host{Name: heard[i].Host, Heard: heard[i].heard()})
	}
	for i := range totals {
		t := &totals[i]
		if n, known := index[t.Host]; known {
			h := &a.Hosts[n]
			h.Known, h.Rx, h.Tx = true, perSecond(t.Rx, t.Ms), perSecond(t.Tx, t.Ms)
			h.RxBytes, h.TxBytes = float64(t.Rx), float64(t.Tx)
		}
	}
	slices.SortFunc(a.Hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.Name, b.Name))
	})
	for i := range top {
		t := &top[i]
		g := Group{Host: t.Host, Total: perSecond(t.Rx, t.Ms) + perSecond(t.Tx, t.Ms), Tx: perSecond(t.Tx, t.Ms), RxBytes: float64(t.Rx), TxBytes: float64(t.Tx)}
		g.conn = t.conn()
		a.Groups = append(a.Groups, g)
	}
	return a
}

func (r *flowRow) heard() time.Time { return time.Unix(int64(r.Heard), 0).UTC() }

func perSecond(n, ms number64) float64 {
	if ms == 0 {
		return 0
	}
	return float64(n) * 1000 / float64(ms)
}

// conn is the connection that a record is of, as far as it tells.
func (r *flowRow) conn() *conn.Conn {
	c := &conn.Conn{Has: conn.HasBytes | conn.HasRaddr, NetNS: uint32(r.Netns), Lport: uint16(r.Lport), Rport: uint16(r.Rport),
		Laddr: address(r.La), Raddr: address(r.Ra), Owner: conn.Owner{PID: uint32(r.PID), Comm: conn.MakeName(r.Comm)}}
	cookie, serial, _ := strings.Cut(r.Conn, "-")
	c.ID.Cookie, _ = strconv.ParseUint(cookie, 16, 64)
	c.ID.Serial, _ = strconv.ParseUint(serial, 16, 64)
	c.Proto = conn.TCP
	if r.Proto == conn.UDP.String() {
		c.Proto = conn.UDP
	}
	c.State = conn.State(1 + slices.Index(conn.States(), r.State)) // 0 where it is none
	for _, d := range []conn.Dir{conn.In, conn.Out} {
		if r.Dir == d.String() {
			c.Dir = d
		}
	}
	c.Place = &conn.Place{User: r.User, Unit: r.Unit, Container: r.Container, Image: r.Image, Pod: r.Pod, Namespace: r.Namespace}
	if r.Exe != "" {
		c.Process = &conn.Process{Exe: r.Exe}
	}
	if r.Rname != "" {
		c.Remote = &conn.Remote{Name: r.Rname}
	}
	return c
}

// rowOf is a group that is one connection.
func (g *Group) rowOf() table.Row {
	r := table.Row{Conn: *g.conn, Moved: true, TxRate: uint64(g.Tx + 0.5), RxRate: uint64(max(g.Total-g.Tx, 0) + 0.5)}
	r.RxBytes, r.TxBytes = uint64(g.RxBytes), uint64(g.TxBytes)
	return r
}
