package probe

//go:generate go tool bpf2go -no-global-types -tags linux -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package probe -type hot -type conn -type closed -type transition -type cgroup_made -type flow -type mini -type udp_row -type dns_message -type cc_name -type counters -type total_key -type total -type sweep_args -type holder -type task tcptop ../../bpf/tcptop.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
