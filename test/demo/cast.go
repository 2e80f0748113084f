package main

import (
	"fmt"
	"strconv"
)

// server is a process that others ask.
type server struct {
	host int
	comm string
	port int
	udp  bool
}

// client is a process that asks one; host -1 is the router, from outside.
type client struct {
	host  int
	comm  string
	to    int // of servers
	conns int // that stay open
	how   string
}

// The servers, as clients name them.
const (
	web1 = iota
	web2
	api
	db
	backups
	statsd
)

var servers = []server{
	web1:    {0, "web", 443, false},
	web2:    {1, "web", 443, false},
	api:     {2, "shop-api", 8080, false},
	db:      {3, "orders-db", 5432, false},
	backups: {2, "backup-store", 873, false},
	statsd:  {2, "statsd", 8125, true},
}

var clients = []client{
	{-1, "browser", web1, 8, "-from " + outside + " -send 600 -get 60000 -each 200ms"},
	{-1, "browser", web2, 4, "-from " + outside + " -send 600 -get 60000 -each 200ms"},
	{0, "web", api, 4, "-send 2000 -get 20000 -each 100ms"},
	{1, "web", api, 2, "-send 2000 -get 20000 -each 100ms"},
	{0, "cron", api, 1, "-short -send 300 -get 4000 -each 300ms"},
	{2, "shop-api", db, 6, "-send 400 -get 8000 -each 50ms"},
	{3, "backup", backups, 1, "-send 200000 -get 20 -each 20ms"},
	{0, "stats", statsd, 1, "-udp -send 300 -each 250ms"},
	{1, "stats", statsd, 1, "-udp -send 300 -each 250ms"},
	{2, "stats", statsd, 1, "-udp -send 300 -each 250ms"},
	{3, "stats", statsd, 1, "-udp -send 300 -each 250ms"},
}

func (s *server) at() string { return address(s.host) + ":" + strconv.Itoa(s.port) }

// groups is how many groups each process of each host has in the end: at both ends one for
// each host and port that it talks to.
func groups() map[process]int {
	type group struct {
		of   process
		peer int
		to   int
	}
	seen, n := map[group]bool{}, map[process]int{}
	add := func(g group) {
		if !seen[g] {
			seen[g] = true
			n[g.of]++
		}
	}
	for _, c := range clients {
		s := servers[c.to]
		add(group{process{names[s.host], s.comm}, c.host, c.to})
		if c.host >= 0 {
			add(group{process{names[c.host], c.comm}, s.host, c.to})
		}
	}
	return n
}

// conns is how many connections it has at first.
func conns() map[process]int {
	n := map[process]int{}
	for _, c := range clients {
		s := servers[c.to]
		if s.udp {
			continue
		}
		n[process{names[s.host], s.comm}] += c.conns
		if c.host >= 0 {
			n[process{names[c.host], c.comm}] += c.conns
		}
	}
	return n
}

// process is what groups are told apart by here.
type process struct{ host, comm string }

func (p process) String() string { return fmt.Sprintf("%s of %s", p.comm, p.host) }
