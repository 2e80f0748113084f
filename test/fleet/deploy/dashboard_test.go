package deploy

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// grafana is what Grafana's own types say of a dashboard.
func grafana(text []byte) error {
	err := new(dashboard.Dashboard).UnmarshalJSONStrict(text) //nolint:staticcheck // the schema that every Grafana imports, not the one of 12 on
	if faults, ok := errors.AsType[cog.BuildErrors](err); ok && len(faults) == 0 {
		return nil // so it says of a good one
	}
	return err
}

// TestDashboard is one that Grafana's own types take, whose every question is answered by
// what agents tell and the rules record, and whose panels neither overlap nor repeat.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(root + "/packaging/grafana/tcptop.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := grafana(text); err != nil {
		t.Fatal(err)
	}
	if grafana([]byte(strings.Replace(string(text), `"refresh": "30s"`, `"refreshing": "30s"`, 1))) == nil {
		t.Error("Grafana's types take whatever it is")
	}
	var plain struct {
		Panels []struct {
			ID          int
			Type, Title string
			Description string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
			Datasource  struct{ UID string }
		}
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	known, asked, ids := known(t), 0, map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range plain.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d again", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("%s is over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s: %+v", p.Title, p)
		}
		for _, target := range p.Targets {
			asked++
			answers(t, known, strings.ReplaceAll(target.Expr, "$instance", ".*"))
		}
	}
	if asked < 20 {
		t.Errorf("%d questions", asked)
	}
}
