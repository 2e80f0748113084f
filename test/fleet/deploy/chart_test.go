package deploy

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	strict "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"tcptop/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	root  = "../../.."
	chart = root + "/packaging/kubernetes/chart"
)

// values are those of a chart, as --set-json would have them.
type values = map[string]any

// rendered is what Helm makes of the chart, by template; an error is the person's.
func rendered(t *testing.T, v values) (map[string]string, error) {
	t.Helper()
	c, err := loader.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := util.ToRenderValues(c, v, common.ReleaseOptions{Name: "tcptop", Namespace: "tcptop", IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, text := range files {
		if strings.TrimSpace(text) != "" {
			out[path.Base(name)] = text
		}
	}
	return out, nil
}

func must(t *testing.T, v values) map[string]string {
	t.Helper()
	files, err := rendered(t, v)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// decode is the API server's decoding with strict field validation: names in their case,
// none unknown and none twice.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	faults, err := strict.UnmarshalStrict(data, into)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%v %v\n%s", err, faults, text)
	}
}

func daemonSet(t *testing.T, v values) *apps.DaemonSet {
	t.Helper()
	d := &apps.DaemonSet{}
	decode(t, must(t, v)["daemonset.yaml"], d)
	return d
}

func agent(t *testing.T, d *apps.DaemonSet) *core.Container {
	t.Helper()
	if all := d.Spec.Template.Spec.Containers; len(all) != 1 {
		t.Fatalf("%d containers", len(all))
	}
	return &d.Spec.Template.Spec.Containers[0]
}

// TestManifest has the manifest that is in the tree equal to what the chart makes, with a
// namespace that admits it.
func TestManifest(t *testing.T) {
	const namespace = `# What the chart makes with its values (go test ./deploy -update, in test/fleet), for whoever has no Helm.
# The agents wait for the secret tcptop-web: docs/fleet.md.
apiVersion: v1
kind: Namespace
metadata:
  name: tcptop
  labels:
    pod-security.kubernetes.io/enforce: privileged
`
	files := must(t, nil)
	text := namespace
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") {
			text += "---\n" + strings.TrimSpace(files[name]) + "\n"
		}
	}
	testkit.Golden(t, filepath.Join(root, "packaging/kubernetes/tcptop.yaml"), []byte(text))
	kinds := []string{}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var kind struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, kind.Kind)
		switch kind.Kind {
		case "Namespace":
			decode(t, doc, &core.Namespace{})
		case "ServiceAccount":
			decode(t, doc, &core.ServiceAccount{})
		case "DaemonSet":
			decode(t, doc, &apps.DaemonSet{})
		}
	}
	if want := []string{"Namespace", "DaemonSet", "ServiceAccount"}; !slices.Equal(kinds, want) {
		t.Errorf("%q, want %q", kinds, want)
	}
}

// TestLint has nothing that helm lint finds, but that there is no icon.
func TestLint(t *testing.T) {
	for _, m := range lint.RunAll(chart, nil, "tcptop").Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

// TestValues has what each value does.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		name string
		v    values
		args []string
		none []string // beginnings of arguments that are not there
		caps []core.Capability
		vols []string
	}{
		{"as it is", nil, []string{"--listen=[$(NODE_IP)]:9432", "--web-config=/etc/tcptop/web/web.yml", "--groups=50", "--peer=cidr", "--backend=bpf"},
			[]string{"--insecure", "--otlp", "--redact"}, nil, []string{"health", "cgroup", "runtime", "web"}},
		{"push alone", values{"metrics": values{"enabled": false}, "otlp": values{"url": "https://collector:4318", "headersSecret": "h", "caSecret": "c"}},
			[]string{"--otlp=https://collector:4318", "--otlp-headers=/etc/tcptop/otlp-headers/headers", "--otlp-ca=/etc/tcptop/otlp-ca/ca.crt"}, []string{"--listen", "--web", "--insecure", "--flows", "--spool"}, nil,
			[]string{"health", "cgroup", "runtime", "otlp-ca", "otlp-headers"}},
		{"flow records", values{"flows": values{"url": "clickhouse+https://ch", "headersSecret": "h", "spoolDirectory": "/data", "spoolSize": "1Gi"}},
			[]string{"--flows=clickhouse+https://ch", "--flows-headers=/etc/tcptop/flows-headers/headers", "--spool=/var/spool/tcptop/agent", "--spool-size=1Gi"}, []string{"--otlp", "--flows-ca"}, nil,
			[]string{"health", "cgroup", "runtime", "web", "flows-headers", "spool"}},
		{"open to all", values{"metrics": values{"insecure": true, "port": 1234}}, []string{"--listen=[$(NODE_IP)]:1234", "--insecure-listen"},
			[]string{"--web"}, nil, []string{"health", "cgroup", "runtime"}},
		{"no runtime", values{"runtime": values{"enabled": false}}, nil, nil, nil, []string{"health", "cgroup", "web"}},
		{"namespaces", values{"visitNamespaces": true}, nil, nil, []core.Capability{"SYS_ADMIN"}, []string{"health", "cgroup", "runtime", "web"}},
		{"arguments", values{"agent": values{"extraArgs": []any{"--max-conns=1000"}, "redact": []any{"peer", "comm"}, "interval": "2s"}},
			[]string{"--max-conns=1000", "--redact=peer,comm", "--interval=2s"}, nil, nil, []string{"health", "cgroup", "runtime", "web"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := daemonSet(t, c.v)
			a := agent(t, d)
			for _, arg := range c.args {
				if !slices.Contains(a.Args, arg) {
					t.Errorf("no %s in %q", arg, a.Args)
				}
			}
			for _, arg := range a.Args {
				if slices.ContainsFunc(c.none, func(n string) bool { return strings.HasPrefix(arg, n) }) {
					t.Errorf("%s", arg)
				}
			}
			if want := append([]core.Capability{"BPF", "PERFMON", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH"}, c.caps...); !slices.Equal(a.SecurityContext.Capabilities.Add, want) {
				t.Errorf("capabilities %q", a.SecurityContext.Capabilities.Add)
			}
			vols, mounts := []string{}, []string{}
			for _, v := range d.Spec.Template.Spec.Volumes {
				vols = append(vols, v.Name)
				if v.Secret != nil && *v.Secret.DefaultMode != 0o400 {
					t.Errorf("%s has mode %o", v.Name, *v.Secret.DefaultMode)
				}
			}
			for _, m := range a.VolumeMounts {
				mounts = append(mounts, m.Name)
				if m.ReadOnly == (m.Name == "health" || m.Name == "spool") {
					t.Errorf("%s is read-only: %v", m.Name, m.ReadOnly)
				}
			}
			if !slices.Equal(vols, c.vols) || !slices.Equal(mounts, c.vols) {
				t.Errorf("volumes %q, mounts %q, want %q", vols, mounts, c.vols)
			}
			if ports := len(a.Ports); (ports > 0) != slices.ContainsFunc(a.Args, func(arg string) bool { return strings.HasPrefix(arg, "--listen") }) {
				t.Errorf("%d ports with %q", ports, a.Args)
			}
		})
	}
}

// TestMistakes has values that Helm refuses, each for what is wrong with it.
func TestMistakes(t *testing.T) {
	for says, v := range map[string]values{
		"additional properties 'metric' not allowed": {"metric": values{}},
		"at '/metrics/port'":                         {"metrics": values{"port": 70000}},
		"at '/agent/peer'":                           {"agent": values{"peer": "name"}},
		"at '/agent/redact/0'":                       {"agent": values{"redact": []any{"port"}}},
		"at '/agent/interval'":                       {"agent": values{"interval": "soon"}},
		"at '/otlp/url'":                             {"otlp": values{"url": "http://collector:4318"}},
		"at '/flows/url'":                            {"flows": values{"url": "clickhouse+http://ch"}},
		"nobody is told anything":                    {"metrics": values{"enabled": false}},
		"metrics.insecure does without":              {"metrics": values{"webSecret": ""}},
		"podMonitor asks for what":                   {"metrics": values{"enabled": false}, "otlp": values{"url": "https://c"}, "podMonitor": values{"enabled": true}},
	} {
		if _, err := rendered(t, v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}

// TestSchema knows every value that there is, and no other.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	c, err := loader.LoadDir(chart)
	if err != nil {
		t.Fatal(err)
	}
	var compare func(at string, schema, have map[string]any)
	compare = func(at string, schema, have map[string]any) {
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			return // free
		}
		for name := range have {
			if properties[name] == nil {
				t.Errorf("the schema has no %s.%s", at, name)
			}
		}
		for name, p := range properties {
			value, there := have[name]
			if !there && name != "global" && name != "claims" && name != "localhostProfile" {
				t.Errorf("values.yaml has no %s.%s", at, name)
			}
			if below, ok := value.(map[string]any); ok {
				compare(at+"."+name, p.(map[string]any), below)
			}
		}
	}
	compare("", schema, c.Values)
}

// TestPodMonitor is not there unless it is asked for, and then one that the operator reads.
func TestPodMonitor(t *testing.T) {
	if text := must(t, nil)["podmonitor.yaml"]; text != "" {
		t.Errorf("nobody asked for\n%s", text)
	}
	v := values{"podMonitor": values{"enabled": true, "labels": values{"release": "prometheus"},
		"tlsConfig": values{"ca": values{"secret": values{"name": "ca", "key": "ca.crt"}}, "serverName": "tcptop"},
		"basicAuth": values{"username": values{"name": "reader", "key": "user"}, "password": values{"name": "reader", "key": "password"}}}}
	var m monitoring.PodMonitor
	decode(t, must(t, v)["podmonitor.yaml"], &m)
	a := agent(t, daemonSet(t, v))
	if len(m.Spec.PodMetricsEndpoints) != 1 || *m.Spec.PodMetricsEndpoints[0].Port != a.Ports[0].Name {
		t.Errorf("%+v asks at another port than %+v", m.Spec.PodMetricsEndpoints, a.Ports)
	}
	for name, value := range m.Spec.Selector.MatchLabels {
		if daemonSet(t, v).Spec.Template.Labels[name] != value {
			t.Errorf("no pod has %s=%s", name, value)
		}
	}
}
