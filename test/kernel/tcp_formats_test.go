package kernel

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tcptop/internal/testkit"
)

// busy is all that stderr may say of a host with other things to do: it loses no row.
var busy = regexp.MustCompile(`^tcptop: lost (in this tick|since start): (\d+ readings [^,]*,? ?)?(\d+ ticks \(not taken in time\))?\n$`)

const bulkFields = "conn,laddr,lport,raddr,rport,tx_bytes,rx_bytes"

// TestBulkFormats reads 200 connections from the real binary in every format at
// once, three instances side by side.
func TestBulkFormats(t *testing.T) {
	ns := testkit.NetNS(t)
	args := []string{"-d", "200ms", "--tcp", "--netns", strconv.FormatUint(ns.Inode(), 10)}
	whole := stream(t, "jsonl", args...)
	csv := stream(t, "csv", append(args, "--fields", bulkFields)...)
	text := stream(t, "text", append(args, "--fields", bulkFields)...)
	listen(t, ns, 0, 1)
	for _, p := range []*program{whole, csv, text} {
		p.until(patience, someRow)
	}
	load := testkit.Start(t, ns, "bulk", "-n", fmt.Sprint(testkit.Scaled(200)), "-max", "1048576", "-hold")
	truths := load.Ready()
	for _, p := range []*program{whole, csv} {
		p.until(patience, func(rows []record) error { return printed(rows, truths) })
	}
	text.until(patience, func(rows []record) error { return printedText(rows, truths) })
	load.Finish()
	whole.until(patience, func(rows []record) error { return printedClose(rows, truths) })
	for _, p := range []*program{whole, csv} {
		if err := printed(p.stop(), truths); err != nil {
			t.Error(err)
		}
	}
	text.stop()
	for _, p := range []*program{whole, csv, text} {
		for line := range strings.Lines(p.stderr.String()) {
			if !busy.MatchString(line) {
				t.Errorf("stderr: %s", line)
			}
		}
	}
}

// someRow says that the program is up: text has its header, the rest a listener.
func someRow(rows []record) error {
	if len(rows) == 0 {
		return errors.New("no row yet")
	}
	return nil
}

// numbers is a truth as the fields of bulkFields print it.
func numbers(r *testkit.Truth) []string {
	return []string{r.Cookie, r.Laddr.String(), fmt.Sprint(r.Lport), r.Raddr.String(), fmt.Sprint(r.Rport),
		fmt.Sprint(r.TxBytes), fmt.Sprint(r.RxBytes)}
}

// printed requires that the last row of every connection has the truth.
func printed(rows []record, truths []testkit.Truth) error {
	last := map[string]record{}
	for _, r := range rows {
		last[r["conn"]] = r
	}
	for i := range truths {
		want := numbers(&truths[i])
		var got []string
		for f := range strings.SplitSeq(bulkFields, ",") {
			got = append(got, last[want[0]][f])
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s: last row has %q, the truth is %q", truths[i].Kind, got, want)
		}
	}
	return nil
}

// printedText requires a line of every connection with the human form of its bytes.
func printedText(rows []record, truths []testkit.Truth) error {
	lines := map[string]bool{}
	for _, r := range rows {
		line := strings.TrimSuffix(strings.TrimSuffix(r["line"], " [CLOSED]"), " [PARTIAL]")
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for i := range truths {
		want := numbers(&truths[i])
		want[5] = human(truths[i].TxBytes)
		want[6] = human(truths[i].RxBytes)
		if line := strings.Join(want, " "); !lines[line] {
			return fmt.Errorf("%s: no line %q among %d", truths[i].Kind, line, len(lines))
		}
	}
	return nil
}

// printedClose requires one row per connection that says closed, with its owner.
func printedClose(rows []record, truths []testkit.Truth) error {
	closed := map[string][]record{}
	for _, r := range rows {
		if r["event"] == "close" {
			closed[r["conn"]] = append(closed[r["conn"]], r)
		}
	}
	for i := range truths {
		want := &truths[i]
		rows := closed[want.Cookie]
		if len(rows) != 1 {
			return fmt.Errorf("%d close rows of %+v", len(rows), *want)
		}
		if r := rows[0]; r["pid"] != strconv.Itoa(want.PID) || r["comm"] != want.Comm || r["state"] != "closed" || r["dir"] != want.Dir {
			return fmt.Errorf("close row %v of %+v", r, *want)
		}
	}
	return nil
}
