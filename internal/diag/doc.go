// Package diag is the Source that asks the kernel over sock_diag(7), where eBPF is
// refused: as any user, on any kernel with CONFIG_INET_DIAG.
//
// Each tick it dumps the sockets of every network namespace that it may enter,
// compares them with the dump before, and looks up in /proc whose they are. TCP's
// counters are the kernel's own, the same as package probe reads; UDP has none. What
// happened after the last dump that had a connection is not seen.
//
// Only this package knows netlink.
package diag
