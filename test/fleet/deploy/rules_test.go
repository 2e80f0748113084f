package deploy

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"tcptop/internal/testkit"
)

const rulesFile = root + "/packaging/prometheus/tcptop.rules.yml"

// name of a metric, and labels of it, in docs/metrics.md.
var (
	listed   = regexp.MustCompile("(?m)^\\| `(tcptop_\\w+)`<br>`[\\w.]+` \\| (\\w+)[^|]*\\| ([^|]*) \\|")
	labelled = regexp.MustCompile("`(\\w+)`")
	footnote = regexp.MustCompile("(?m)^¹ (.*)$")
)

// told are the labels of everything that agents tell, by metric.
func told(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	note := footnote.FindSubmatch(text)
	if note == nil {
		t.Fatal("docs/metrics.md does not say what a group's labels are")
	}
	all := map[string][]string{"up": nil}
	for _, m := range listed.FindAllSubmatch(text, -1) {
		names := []string{}
		for _, l := range labelled.FindAllSubmatch([]byte(strings.ReplaceAll(string(m[3]), "group¹", string(note[1]))), -1) {
			names = append(names, string(l[1]))
		}
		if string(m[2]) == "histogram" {
			all[string(m[1])+"_bucket"] = append(names, "le")
			continue
		}
		all[string(m[1])] = names
	}
	if len(all) < 25 {
		t.Fatalf("%d metrics in docs/metrics.md", len(all))
	}
	return all
}

func rules(t *testing.T) (all []rulefmt.Rule) {
	t.Helper()
	groups, faults := rulefmt.ParseFile(rulesFile, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// known are told, and what is recorded of it.
func known(t *testing.T) map[string][]string {
	t.Helper()
	all := told(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			all[r.Record] = grouping(t, r.Expr)
		}
	}
	return all
}

func parsed(t *testing.T, expr string) parser.Expr {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return e
}

// grouping are the labels that an expression groups by.
func grouping(t *testing.T, expr string) (names []string) {
	t.Helper()
	parser.Inspect(parsed(t, expr), func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			if a.Without {
				t.Errorf("%s: engines add labels of their own, so by, not without", expr)
			}
			names = append(names, a.Grouping...)
		}
		return nil
	})
	return names
}

// everywhere are labels that engines add.
var everywhere = []string{"cluster", "instance", "job", model.MetricNameLabel}

// answers fails unless agents tell, or rules record, what expr asks for, with its labels.
func answers(t *testing.T, known map[string][]string, expr string) {
	t.Helper()
	may := slices.Clone(everywhere)
	parser.Inspect(parsed(t, expr), func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		have, ok := known[v.Name]
		if !ok {
			t.Errorf("%s: nobody tells %s", expr, v.Name)
		}
		may = append(may, have...)
		for _, m := range v.LabelMatchers {
			if !slices.Contains(have, m.Name) && !slices.Contains(everywhere, m.Name) {
				t.Errorf("%s: %s has no label %s", expr, v.Name, m.Name)
			}
		}
		return nil
	})
	for _, name := range grouping(t, expr) {
		if !slices.Contains(may, name) {
			t.Errorf("%s: there is no label %s", expr, name)
		}
	}
}

// TestRules ask for what is told, and every alert says what it means.
func TestRules(t *testing.T) {
	known, alerts := known(t), 0
	for _, r := range rules(t) {
		answers(t, known, r.Expr)
		if r.Alert == "" {
			continue
		}
		alerts++
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: %v %v", r.Alert, r.Labels, r.Annotations)
		}
	}
	if alerts != 8 {
		t.Errorf("%d alerts", alerts)
	}
}

// TestPromtool has the rules checked, and run over series of which it is known what is to
// come of them, by Debian's promtool (2.42).
func TestPromtool(t *testing.T) {
	testkit.Tools(t, "promtool")
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", filepath.Join("testdata", "rules_test.yml")}} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

// TestAlertsTested has a case in which each alert fires and each record has a value.
func TestAlertsTested(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "rules_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		if r.Alert != "" && !strings.Contains(string(text), "alertname: "+r.Alert+"\n") {
			t.Errorf("nothing tests %s", r.Alert)
		}
		if r.Record != "" && !strings.Contains(string(text), "expr: "+r.Record) {
			t.Errorf("nothing tests %s", r.Record)
		}
	}
}
