package tui

import (
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

// A process has its name also where it stands for several and so has no pid.
func TestProcessCell(t *testing.T) {
	name := conn.MakeName("nginx")
	for _, c := range []struct {
		owner conn.Owner
		want  string
	}{
		{conn.Owner{PID: 80, Comm: name}, "nginx 80"},
		{conn.Owner{Comm: name}, "nginx"},
		{conn.Owner{Kernel: true, Comm: conn.MakeName("kernel")}, "kernel"},
		{conn.Owner{}, "-"},
	} {
		got, _ := processCell(nil, &env{}, &item{at: new(table.Snapshot), row: &table.Row{Conn: conn.Conn{Owner: c.owner}}}, 20)
		if string(got) != c.want {
			t.Errorf("%+v: %q, want %q", c.owner, got, c.want)
		}
	}
}
