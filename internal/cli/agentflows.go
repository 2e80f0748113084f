package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"tcptop/internal/flow"
	"tcptop/internal/metric"
	"tcptop/internal/ship"
	"tcptop/internal/spool"
	"tcptop/internal/table"
)

// systemSpool is where root's records wait.
const systemSpool = "/var/spool/tcptop"

// leastSpool bounds --spool-size: less does not hold a few segments.
const leastSpool = 4 << 20

// flowOptions say where records of connections go, and wait.
type flowOptions struct {
	url           string
	top           positive
	interval      seconds
	dir           string
	size          bytesValue
	headers       string
	ca, cert, key string
}

func newFlowOptions() flowOptions {
	return flowOptions{top: 200, interval: seconds(10 * time.Second), size: 256 << 20}
}

func (o *flowOptions) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.StringVar(&o.url, "flows", "", "deliver records of connections to `url`: clickhouse+https://HOST or otlp+https://HOST")
	f.Var(&o.top, "flows-top", "each time records of the `n` connections that moved most, and one of the rest")
	f.Var(&o.interval, "flows-interval", "`time` between records")
	f.StringVar(&o.dir, "spool", "", "keep in directory `dir` what is not delivered (default "+systemSpool+"; not as root: in $XDG_STATE_HOME)")
	f.Var(&o.size, "spool-size", "keep at most this `size` of it: 256Mi, 4G")
	f.StringVar(&o.headers, "flows-headers", "", "send along the headers in `file`, a line for each: Authorization: Bearer ... (or in $"+flowsHeaders+")")
	f.StringVar(&o.ca, "flows-ca", "", "trust the authorities in `file` (PEM) instead of the system's")
	f.StringVar(&o.cert, "flows-cert", "", "be known by the certificate in `file` (PEM)")
	f.StringVar(&o.key, "flows-key", "", "its key is in `file` (PEM)")
	return f
}

// flowsHeaders is the variable that has headers instead of a file.
const flowsHeaders = "TCPTOP_FLOWS_HEADERS"

// flowbook makes records and has them delivered. The nil flowbook does nothing.
type flowbook struct {
	folder    *flow.Folder
	ship      *ship.Shipper
	spool     *spool.Spool
	target    *ship.Target
	transport *http.Transport
	stderr    io.Writer
	trouble   string // that the spool has, as was told
}

// openFlows begins to deliver what the spool has.
func (p *plan) openFlows(o *flowOptions) (*flowbook, error) {
	if o.url == "" {
		return nil, nil
	}
	target, err := ship.ParseTarget(o.url)
	if err != nil {
		return nil, usagef("such as --flows "+ship.Schemes[0]+"://HOST, with secrets in --flows-headers", "--flows: %v", err)
	}
	if o.size < leastSpool {
		return nil, usagef("", "--spool-size %s: at least 4M", &o.size)
	}
	headers, transport, err := p.flowSecrets(o)
	if err != nil {
		return nil, err
	}
	dir, err := p.spoolDir(o)
	if err != nil {
		return nil, err
	}
	schema := flow.NewSchema(p.list)
	sp, err := spool.Open(spool.Config{Dir: dir, Host: p.env.Host, Epoch: uint64(time.Now().UnixNano()), Schema: schema, MaxSize: int64(o.size)})
	if err != nil {
		return nil, spoolFailure(dir, err)
	}
	p.writes, p.reaches = append(p.writes, dir), append(p.reaches, target.Port())
	interval := max(time.Duration(o.interval), p.measure.Interval)
	fmt.Fprint(p.env.Stderr, message(fmt.Sprintf("records to %s every %v; what is not delivered waits in %s, at most %s", target, interval, dir, &o.size), ""))
	return &flowbook{
		folder: flow.New(flow.Config{Interval: interval, Top: int(o.top)}), spool: sp, target: target, transport: transport, stderr: p.env.Stderr,
		ship: ship.Start(ship.Config{Target: target, Spool: sp, Fields: schema.Fields(), Version: p.env.Version, Interval: interval,
			Client: ship.NewClient(transport), Headers: headers}),
	}, nil
}

// flowSecrets reads what the engine knows us by and we know it by.
func (p *plan) flowSecrets(o *flowOptions) (http.Header, *http.Transport, error) {
	text := []byte(p.env.variable(flowsHeaders))
	var t ship.TLS
	for _, f := range []struct {
		flag, path string
		to         *[]byte
	}{{"--flows-headers", o.headers, &text}, {"--flows-ca", o.ca, &t.CA}, {"--flows-cert", o.cert, &t.Cert}, {"--flows-key", o.key, &t.Key}} {
		if f.path == "" {
			continue
		}
		var err error
		if *f.to, err = os.ReadFile(f.path); err != nil {
			return nil, nil, usagef("", "%s: %v", f.flag, err)
		}
	}
	headers, err := ship.ParseHeaders(text)
	if err != nil {
		return nil, nil, usagef("such as Authorization: Bearer TOKEN", "--flows-headers: %v", err)
	}
	transport, err := ship.NewTransport(t)
	if err != nil {
		return nil, nil, usagef("", "--flows-ca, --flows-cert, --flows-key: %v", err)
	}
	return headers, transport, nil
}

// spoolDir is where records wait.
func (p *plan) spoolDir(o *flowOptions) (string, error) {
	switch {
	case o.dir != "":
		return o.dir, nil
	case os.Geteuid() == 0:
		return systemSpool, nil
	}
	if dir := p.stateDir(); dir != "" {
		return filepath.Join(dir, "spool"), nil
	}
	return "", usagef("--spool DIR says where", "there is no directory for records to wait in: neither XDG_STATE_HOME nor HOME names one of this user's")
}

func spoolFailure(dir string, err error) error {
	f := &failure{code: exitRuntime, msg: "spool: " + err.Error(), hint: "--spool DIR takes another directory"}
	var refused *spool.DirError
	switch {
	case errors.As(err, &refused):
		f.hint = refused.Hint
	case errors.Is(err, fs.ErrPermission):
		f.code = exitPermission
	}
	return f
}

// tick takes a snapshot; with end it is the last.
func (b *flowbook) tick(s *table.Snapshot, end bool) {
	if b == nil {
		return
	}
	if records := b.folder.Fold(s, end); records != nil {
		b.ship.Put(records)
	}
}

// tell prints what there is to say of delivery.
func (b *flowbook) tell() {
	if b == nil {
		return
	}
	for _, text := range b.ship.News() {
		fmt.Fprint(b.stderr, message(fmt.Sprintf("records to %s: %s", b.target, text), ""))
	}
	text := ""
	if err := b.spool.Stats().Err; err != nil {
		text = err.Error()
	}
	switch {
	case text == b.trouble:
	case text == "":
		fmt.Fprint(b.stderr, message("spool: written again", ""))
	default:
		fmt.Fprint(b.stderr, message("spool: "+text+"; records wait in memory", ""))
	}
	b.trouble = text
}

// lastDelivery is how long an end waits for the disk, and for the engine.
const lastDelivery = 300 * time.Millisecond

// close has what waits written, and tries once to deliver it.
func (b *flowbook) close() error {
	if b == nil {
		return nil
	}
	if !b.ship.Close(lastDelivery) {
		return nil // the disk hangs, and with it whoever asks the spool for anything
	}
	b.tell()
	b.transport.CloseIdleConnections()
	err := b.spool.Close()
	st := b.spool.Stats()
	if n := st.Segments - st.Held; n > 0 {
		fmt.Fprint(b.stderr, message(fmt.Sprintf("records of %s wait for the next agent in the spool", intervalsText(n)), ""))
	}
	if st.Held > 0 {
		fmt.Fprint(b.stderr, message(fmt.Sprintf("records of %s are lost: they were in memory", intervalsText(st.Held)), ""))
	}
	return err
}

func intervalsText(n int) string {
	if n == 1 {
		return "1 interval"
	}
	return fmt.Sprintf("%d intervals", n)
}

// exports is how delivery fares, for whoever asks for metrics.
func (b *flowbook) exports() []metric.Export {
	if b == nil {
		return nil
	}
	st := b.ship.Stats()
	e := metric.Export{Name: b.target.Kind(), Sent: st.Records, Retries: st.Retries, Spooled: uint64(st.Spool.Bytes + st.Spool.Memory), Oldest: st.Spool.Oldest}
	for _, reason := range spool.Reasons {
		d := st.Spool.Dropped[reason]
		e.Dropped = append(e.Dropped, metric.Dropped{Reason: reason, Records: d.Records, Bytes: d.RxBytes + d.TxBytes})
	}
	e.Dropped = append(e.Dropped, metric.Dropped{Reason: "not_kept", Records: st.Lost})
	return []metric.Export{e}
}
