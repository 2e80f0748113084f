// Package bench measures what tcptop costs the host that it watches. Its benchmarks
// print; they assert nothing about time. All need root (docs/overhead.md).
package bench

//go:generate go tool bpf2go -no-global-types -tags linux -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package bench udp bpf/udp.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -no-global-types -tags linux -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package bench turn bpf/turn.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -no-global-types -tags linux -target bpfel -cc clang-19 -strip llvm-strip-19 -go-package bench churn bpf/churn.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
