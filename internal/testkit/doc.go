// Package testkit is what tests that meet a real kernel need: a requirement
// that must be justified (Kernel), network namespaces of their own (NetNS),
// traffic known to the byte (Load, Start), conditions waited for with a
// deadline (Eventually), golden files, and a leak check (Main, BPFObjects).
//
// It touches only namespaces that it made and ends only processes that it
// started. Nothing outside tests imports it.
package testkit
