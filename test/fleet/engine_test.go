package fleet

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// need finds a program, or the test is none for this machine.
func need(t testing.TB, program, hint string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("TCPTOP_FLEET_TESTS") == "must" {
		t.Fatalf("no %s: %s", program, hint)
	}
	t.Skipf("no %s: %s", program, hint)
	return ""
}

// engine is a server that speaks ClickHouse's HTTP interface and may be killed.
type engine struct {
	t    testing.TB
	args []string
	addr string
	cmd  *exec.Cmd
	// ready reports whether it answers; nil asks it something.
	ready func() error
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start runs it and waits until it answers.
func (e *engine) start() {
	e.t.Helper()
	e.cmd = exec.Command(e.args[0], e.args[1:]...)
	var log bytes.Buffer
	e.cmd.Stdout, e.cmd.Stderr = &log, &log
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	ready := e.ready
	if ready == nil {
		ready = func() error {
			_, err := e.ask("SELECT 1")
			return err
		}
	}
	testkit.Eventually(e.t, time.Minute, ready)
}

// kill ends it at once (SIGKILL).
func (e *engine) kill() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		e.cmd = nil
	}
}

func (e *engine) ask(sql string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Post("http://"+e.addr+"/", "text/plain", strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return string(b), err
}

func (e *engine) query(sql string) string {
	e.t.Helper()
	text, err := e.ask(sql)
	if err != nil {
		e.t.Fatalf("%v\n%s", err, sql)
	}
	return strings.TrimSuffix(text, "\n")
}

var comments = regexp.MustCompile(`(?m)^--.*$`)

// tables makes those of a file of packaging/clickhouse.
func (e *engine) tables(file string) {
	e.t.Helper()
	sql, err := os.ReadFile(filepath.Join("../../packaging/clickhouse", file))
	if err != nil {
		e.t.Fatal(err)
	}
	for statement := range strings.SplitSeq(comments.ReplaceAllString(string(sql), ""), ";") {
		if strings.TrimSpace(statement) != "" {
			e.query(statement)
		}
	}
}

// clickhouse is Debian's server, 18.16.
func clickhouse(t testing.TB) *engine {
	t.Helper()
	server := need(t, "clickhouse-server", "apt-get install clickhouse-server")
	dir, port := t.TempDir(), freePort(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	users := write("users.xml", `<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default>
<password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`)
	config := write("config.xml", fmt.Sprintf(`<yandex><logger><level>warning</level><console>1</console></logger>
<http_port>%s</http_port><listen_host>127.0.0.1</listen_host><path>%s/data/</path><tmp_path>%s/tmp/</tmp_path>
<mark_cache_size>5000000</mark_cache_size><users_config>%s</users_config><default_profile>default</default_profile><default_database>default</default_database></yandex>`,
		port, dir, dir, users))
	e := &engine{t: t, args: []string{server, "--config-file=" + config}, addr: "127.0.0.1:" + port}
	t.Cleanup(e.kill)
	return e
}

// chdb is the engine of today, in a process that serves it (chdb.js).
func chdb(t testing.TB) *engine {
	t.Helper()
	node := need(t, "node", "apt-get install nodejs")
	if _, err := os.Stat("node_modules/chdb"); err != nil {
		hint := "make test-fleet fetches the engine of today (npm, 550 MB)"
		if os.Getenv("TCPTOP_FLEET_TESTS") == "must" && !testing.Short() {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	port := freePort(t)
	e := &engine{t: t, args: []string{node, "chdb.js", port, t.TempDir()}, addr: "127.0.0.1:" + port}
	t.Cleanup(e.kill)
	return e
}

// address is where agents find it.
func (e *engine) address() string { return "clickhouse+http://" + e.addr + "/" }

// proxy stands before an engine; now and then it loses what the engine answers.
func proxy(t testing.TB, e *engine, lose func() bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := url.URL{Scheme: "http", Host: e.addr, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		req.Header.Del("Accept-Encoding")
		resp, err := client.Do(req)
		if err != nil || lose() {
			if err == nil {
				_ = resp.Body.Close()
			}
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		for _, name := range []string{"Content-Type", "X-Clickhouse-Exception-Code"} {
			w.Header().Set(name, resp.Header.Get(name))
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return "clickhouse+http://" + l.Addr().String() + "/"
}
