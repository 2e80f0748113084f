package main

import (
	"context"
	"time"
)

// section is one table of the page.
type section struct {
	name     string
	runs     []run
	table    func(results) string
	prepare  func(context.Context)
	versions func() string
}

const benches = "./test/bench"

var (
	once    = []string{"-benchtime", "1x"}
	short   = []string{"TCPTOP_BENCH_SECONDS=0.5"}
	trial   = []string{"TCPTOP_BENCH_SECONDS=0.1", "TCPTOP_BENCH_PAIRS=3"}
	minutes = time.Minute
)

// sections are in the order of the page.
func sections() []section {
	return []section{
		{name: "footprint", table: footprintTable, runs: []run{
			{bench: "Footprint", pkg: benches, more: once, env: short, quick: trial, limit: 10 * minutes}}},
		{name: "scale", table: scaleTable, runs: []run{
			{bench: "Scale", pkg: benches, more: once, env: []string{"TCPTOP_BENCH_SOCKETS=1000000"}, quick: []string{"TCPTOP_BENCH_SOCKETS=10000"}, limit: 10 * minutes}}},
		{name: "tick", table: tickTable, runs: []run{
			{bench: "Sweep|First", pkg: "./internal/probe", more: once, limit: 5 * minutes}}},
		{name: "memory", table: memoryTable, runs: []run{
			{bench: "Memory", pkg: "./internal/probe", more: once, limit: minutes},
			{bench: "Apply/rows=100000/", pkg: "./internal/table", more: []string{"-benchtime", "20x"}, limit: minutes}}},
		{name: "storm", table: stormTable, runs: []run{
			{bench: "Storm", pkg: benches, more: once, env: []string{"TCPTOP_BENCH_SECONDS=60"}, quick: []string{"TCPTOP_BENCH_SECONDS=3"}, limit: 5 * minutes}}},
		{name: "soak", table: soakTable, runs: []run{
			{bench: "Soak", pkg: benches, more: once, env: []string{"TCPTOP_SOAK_SECONDS=" + soakSeconds()}, quick: []string{"TCPTOP_SOAK_SECONDS=5"}, limit: soakLimit()}}},
		{name: "peers", table: peersTable, prepare: installPeers, versions: peerVersions, runs: []run{
			{bench: "Peers", pkg: benches, more: once, env: []string{"TCPTOP_BENCH_SECONDS=0.5", "TCPTOP_BENCH_PAIRS=5"}, quick: trial, limit: 8 * minutes}}},
		{name: "hooks", table: hooksTable, runs: []run{
			{bench: "UDPHooks", pkg: benches, more: once, env: short, quick: trial, limit: 6 * minutes}}},
		{name: "churn", table: churnTable, runs: []run{
			{bench: "ChurnHooks", pkg: benches, more: once, env: short, quick: trial, limit: 4 * minutes}}},
	}
}
