package tui

// place is a column with the width that it has on this screen.
type place struct {
	*screenColumn
	x, w int
}

// gutter is the cells left of the first column, for the mark of a row.
const gutter = 2

// rank orders columns by how soon they leave a narrow screen: the last first.
func rank(name string) int {
	if name == "host" { // chosen where there are several
		name = "process"
	}
	for i, n := range []string{"group", "ts", "event", "process", "remote", "rx_rate", "tx_rate", "conns", "state",
		"close_reason", "rtt_us", "local", "proto", "errno",
		"limit", "retrans_packets", "age_ms", "rx_bytes", "tx_bytes", "backlog", "backlog_max", "drops", "accept_rate", "accept_p99_us",
		"user"} {
		if n == name {
			return i
		}
	}
	if name == "graph" {
		return 99
	}
	return 50
}

// essential is the rank from which on a column is only shown where the ones
// before it have their usual width.
const essential = 24

// narrow is the width in cells below which even addresses give way to the rates.
const narrow = 60

// layOut chooses which columns fit w cells, by rank, and how wide they are. The
// order on the screen stays that of cols.
func layOut(dst []place, cols []*screenColumn, w int) []place {
	order := byRank(cols)
	widths := make([]int, len(cols))
	room := w - gutter + 1
	for _, tier := range [][2]int{{0, essential}, {essential, 1000}} {
		room = choose(cols, order, widths, tier, room, w < narrow)
		room = widen(cols, order, widths, 1, room)
	}
	widen(cols, order, widths, 2, room)
	dst = dst[:0]
	x := gutter
	for i, c := range cols {
		if widths[i] > 0 {
			dst = append(dst, place{screenColumn: c, x: x, w: widths[i]})
			x += widths[i] + 1
		}
	}
	return dst
}

// choose gives the columns of a tier their least width, until one does not fit.
// The first column is there however little room it has.
func choose(cols []*screenColumn, order, widths []int, tier [2]int, room int, tight bool) int {
	for n, i := range order {
		r := rank(cols[i].name)
		if r < tier[0] || r >= tier[1] {
			continue
		}
		least := cols[i].width[0]
		if tight && cols[i].tight > 0 {
			least = cols[i].tight
		}
		if least+1 > room && n > 0 {
			if r < essential {
				return room
			}
			continue
		}
		widths[i] = least
		room -= least + 1
	}
	return room
}

// widen gives the chosen columns their usual (1) or most (2) width, by rank.
func widen(cols []*screenColumn, order, widths []int, step, room int) int {
	for _, i := range order {
		if more := min(cols[i].width[step]-widths[i], room); widths[i] > 0 && more > 0 {
			widths[i] += more
			room -= more
		}
	}
	return room
}

func byRank(cols []*screenColumn) []int {
	order := make([]int, len(cols))
	for i := range order {
		order[i] = i
		for j := i; j > 0 && rank(cols[order[j]].name) < rank(cols[order[j-1]].name); j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	return order
}
