package table_test

import (
	"testing"

	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func TestVerdicts(t *testing.T) {
	row := func(l conn.Limit, share uint8, rate uint64, queue uint32) table.Row {
		r := table.Row{Limit: l, Share: share, TxRate: rate}
		r.Proto, r.Has, r.SendQueue = conn.TCP, conn.HasPath, queue
		return r
	}
	ended := row(conn.LimitLoss, 100, 1e9, 0)
	ended.Event = conn.EventClose
	udp := row(0, 0, 1e9, 0)
	udp.Proto = conn.UDP
	for _, tc := range []struct {
		name  string
		rows  []table.Row
		want  conn.Limit
		share uint8
	}{
		{"nothing", nil, 0, 0},
		{"only what has no verdict", []table.Row{ended, udp}, 0, 0},
		{"by bytes, not by connections", []table.Row{
			row(conn.LimitApp, 100, 90_000, 0), row(conn.LimitApp, 100, 90_000, 0), row(conn.LimitApp, 100, 90_000, 0),
			row(conn.LimitPeerWindow, 100, 730_000, 0)}, conn.LimitPeerWindow, 73},
		{"by the share that held", []table.Row{row(conn.LimitPeerWindow, 60, 1e6, 0), row(conn.LimitCwnd, 100, 9e5, 0)}, conn.LimitCwnd, 47},
		{"what is stuck counts for what waits", []table.Row{row(conn.LimitApp, 100, 1e6, 0), row(conn.LimitPeerWindow, 100, 0, 4e6)},
			conn.LimitPeerWindow, 80},
		{"idle ones weigh nothing beside traffic", []table.Row{
			row(conn.LimitIdle, 100, 0, 0), row(conn.LimitIdle, 100, 0, 0), row(conn.LimitApp, 50, 1e6, 0)}, conn.LimitApp, 50},
		{"all are idle", []table.Row{row(conn.LimitIdle, 100, 0, 0), row(conn.LimitIdle, 100, 0, 0)}, conn.LimitIdle, 100},
		{"what is not known is not idle", []table.Row{row(0, 0, 1e6, 0), row(conn.LimitIdle, 100, 0, 0)}, 0, 0},
		{"what ended is left out", []table.Row{ended, udp, row(conn.LimitReader, 100, 1, 0)}, conn.LimitReader, 100},
	} {
		var v table.Verdicts
		for i := range tc.rows {
			v.Add(&tc.rows[i])
		}
		if l, share := v.Most(); l != tc.want || share != tc.share {
			t.Errorf("%s: %v %d %%, want %v %d %%", tc.name, l, share, tc.want, tc.share)
		}
	}
}
