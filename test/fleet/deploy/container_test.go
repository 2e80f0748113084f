package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"

	"tcptop/internal/testkit"
)

const patience = 60 * time.Second

// runs runs a program to its end.
func runs(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, &errs)
	}
	return string(out)
}

// container is one of a Podman with everything in a directory of the test's own.
type container struct {
	t    *testing.T
	dir  string
	name string
}

func (c *container) podman(args ...string) (string, error) {
	all := append([]string{"--root", c.dir + "/root", "--runroot", c.dir + "/run", "--tmpdir", c.dir + "/tmp", "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "file"}, args...)
	out, err := exec.Command("podman", all...).CombinedOutput()
	return string(out), err
}

func (c *container) must(args ...string) string {
	c.t.Helper()
	out, err := c.podman(args...)
	if err != nil {
		c.t.Fatalf("podman %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

// image is the one that make dist makes, loaded.
func image(t *testing.T) *container {
	t.Helper()
	testkit.Kernel(t)
	testkit.Tools(t, "podman", "conmon", "runc")
	testkit.NoCgroupsLeft(t, "libpod_parent")
	dir, err := os.MkdirTemp("", "pod") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	c := &container{t: t, dir: dir, name: fmt.Sprintf("tcptop-%d", os.Getpid())}
	t.Cleanup(func() {
		_, _ = c.podman("rm", "-f", "-t", "0", c.name)
		_ = os.RemoveAll(dir)
	})
	runs(t, root, []string{"CGO_ENABLED=0"}, "go", "build", "-o", dir+"/tcptop", "./cmd/tcptop")
	runs(t, root+"/packaging/image", nil, "go", "run", ".", dir+"/tcptop", runtime.GOARCH, "tcptop:test", dir+"/image.tar")
	c.must("load", "-q", "-i", dir+"/image.tar")
	return c
}

// flags are what a node's runtime would be asked for, by the pod's template.
func flags(t *testing.T, pod *core.PodSpec, a *core.Container, secret string) (all []string) {
	t.Helper()
	s := a.SecurityContext
	for _, drop := range s.Capabilities.Drop {
		all = append(all, "--cap-drop", string(drop))
	}
	for _, add := range s.Capabilities.Add {
		all = append(all, "--cap-add", string(add))
	}
	if pod.HostPID {
		all = append(all, "--pid", "host")
	}
	if pod.HostNetwork {
		all = append(all, "--network", "host")
	}
	if *s.ReadOnlyRootFilesystem {
		all = append(all, "--read-only", "--read-only-tmpfs=false")
	}
	if !*s.AllowPrivilegeEscalation {
		all = append(all, "--security-opt", "no-new-privileges")
	}
	all = append(all, "--user", fmt.Sprintf("%d:%d", *s.RunAsUser, *s.RunAsGroup), "--memory", strconv.FormatInt(a.Resources.Limits.Memory().Value(), 10))
	for _, e := range a.Env {
		if e.ValueFrom == nil {
			all = append(all, "--env", e.Name+"="+e.Value)
		}
	}
	for _, m := range a.VolumeMounts {
		at := slices.IndexFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name })
		switch v := pod.Volumes[at]; {
		case v.EmptyDir != nil:
			all = append(all, "--tmpfs", m.MountPath)
		case v.HostPath != nil:
			mode := map[bool]string{true: ":ro", false: ""}[m.ReadOnly]
			all = append(all, "-v", v.HostPath.Path+":"+m.MountPath+mode)
		case v.Secret != nil:
			all = append(all, "-v", secret+":"+m.MountPath+":ro")
		}
	}
	return all
}

// seccomp is Podman's profile as runtimes have it since 2023: bpf(2) by CAP_BPF. Debian 12's
// has it by CAP_SYS_ADMIN.
func seccomp(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/usr/share/containers/seccomp.json")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		DefaultAction   string           `json:"defaultAction"`
		DefaultErrnoRet int              `json:"defaultErrnoRet,omitempty"`
		ArchMap         []map[string]any `json:"archMap"`
		Syscalls        []map[string]any `json:"syscalls"`
	}
	if err := json.Unmarshal(text, &profile); err != nil {
		t.Fatal(err)
	}
	for _, rule := range profile.Syscalls {
		names := rule["names"].([]any)
		if rule["action"] == "SCMP_ACT_ERRNO" {
			rule["names"] = slices.DeleteFunc(names, func(n any) bool { return n == "bpf" })
		}
	}
	profile.Syscalls = append(profile.Syscalls, map[string]any{"names": []string{"bpf"}, "action": "SCMP_ACT_ALLOW", "includes": map[string]any{"caps": []string{"CAP_BPF"}}})
	text, err = json.Marshal(profile)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "seccomp.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// web is a directory as the secret tcptop-web is mounted, and a client that trusts it.
func web(t *testing.T) (string, *http.Client) {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	pool.AppendCertsFromPEM(text)
	for name, data := range map[string][]byte{
		"tls.crt": text, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yml": []byte("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	return dir, &http.Client{Transport: transport, Timeout: patience}
}

// TestPod runs the container as the manifest has it, by runc: with its capabilities, mounts,
// limits and arguments the probe passes, /metrics answers by TLS, most of what was given is
// given up, records for an engine that is not there wait on the node, and tcptop in the same
// container shows a pod's connections to the byte.
func TestPod(t *testing.T) {
	c := image(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	spool := t.TempDir() // 0755, as kubelet makes one
	d := daemonSet(t, values{"metrics": values{"port": port}, "runtime": values{"directory": c.dir},
		"flows": values{"url": "clickhouse+http://127.0.0.1:1", "spoolDirectory": spool}, "agent": values{"extraArgs": []any{"--flows-interval=1s"}}})
	a := agent(t, d)
	secret, client := web(t)
	args := append([]string{"run", "-d", "--name", c.name, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--security-opt", "seccomp=" + seccomp(t)},
		flags(t, &d.Spec.Template.Spec, a, secret)...)
	args = append(args, "localhost/tcptop:test")
	for _, arg := range a.Args {
		args = append(args, strings.ReplaceAll(arg, "$(NODE_IP)", "127.0.0.1"))
	}
	c.must(args...)
	testkit.Eventually(t, patience, func() error {
		if out, err := c.podman(append([]string{"exec", c.name}, a.StartupProbe.Exec.Command...)...); err != nil {
			logs, _ := c.podman("logs", c.name)
			return fmt.Errorf("%w: %s%s", err, out, logs)
		}
		return nil
	})
	ns := testkit.NetNS(t)
	load := testkit.Start(t, ns, "bulk", "-n", "10", "-max", "100000", "-hold")
	truths := load.Ready()
	var sent uint64
	for _, r := range truths {
		sent += r.TxBytes
	}
	url := fmt.Sprintf("https://127.0.0.1:%d/metrics", port)
	testkit.Eventually(t, patience, func() error {
		if moved := metric(t, client, url, `tcptop_host_io_bytes_total{network_io_direction="transmit",network_transport="tcp"}`); moved < sent {
			return fmt.Errorf("%d bytes are told of, and %d were sent", moved, sent)
		}
		return nil
	})

	testkit.Eventually(t, patience, func() error {
		if metric(t, client, url, `tcptop_export_spool_bytes{exporter="clickhouse"}`) == 0 {
			return errors.New("nothing waits")
		}
		return nil
	})
	if info, err := os.Stat(filepath.Join(spool, "agent")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}

	status, err := os.ReadFile("/proc/" + c.must("inspect", "--format", "{{.State.Pid}}", c.name) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"CapEff:\t0000000000080004", "CapPrm:\t0000000000080004", "NoNewPrivs:\t1", "Seccomp:\t2"} { // SYS_PTRACE, DAC_READ_SEARCH
		if !strings.Contains(string(status), "\n"+line+"\n") {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	rows := map[string][2]uint64{}
	out := c.must("exec", c.name, "/tcptop", "-b", "-n", "1", "--tcp", "-o", "jsonl", "--netns", strconv.FormatUint(ns.Inode(), 10))
	for line := range strings.Lines(out) {
		var row struct {
			Laddr, Raddr string
			Lport, Rport uint16
			PID          int
			Tx           uint64 `json:"tx_bytes"`
			Rx           uint64 `json:"rx_bytes"`
		}
		if json.Unmarshal([]byte(line), &row) == nil { // the others are of stderr
			rows[fmt.Sprintf("%v %d %v %d %d", row.Laddr, row.Lport, row.Raddr, row.Rport, row.PID)] = [2]uint64{row.Tx, row.Rx}
		}
	}
	for _, r := range truths {
		if got := rows[fmt.Sprintf("%v %d %v %d %d", r.Laddr, r.Lport, r.Raddr, r.Rport, r.PID)]; got != [2]uint64{r.TxBytes, r.RxBytes} {
			t.Errorf("%+v has %v of %v", r, got, rows)
		}
	}
	load.Finish()
}

// metric is the value of a series; 0 is none.
func metric(t *testing.T, client *http.Client, url, series string) uint64 {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v %s\n%s", err, answer.Status, text)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+series+" ")
	value, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseFloat(value, 64)
	return uint64(n)
}

// TestPodOfOldRuntime says what is wrong where the profile ties bpf(2) to CAP_SYS_ADMIN.
func TestPodOfOldRuntime(t *testing.T) {
	c := image(t)
	d := daemonSet(t, values{"metrics": values{"insecure": true}, "runtime": values{"enabled": false}})
	a := agent(t, d)
	args := append([]string{"run", "--name", c.name, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}, flags(t, &d.Spec.Template.Spec, a, "")...)
	args = append(args, "localhost/tcptop:test", "agent", "--backend=bpf", "--listen=127.0.0.1:0", "--health=/run/tcptop/health")
	out, err := c.podman(args...)
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 77") || !strings.Contains(out, "keeps bpf(2) from this program") {
		t.Errorf("%v\n%s", err, out)
	}
}
