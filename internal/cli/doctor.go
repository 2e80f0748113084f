package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tcptop/internal/doctor"
)

// doctorCommand says what this host lets tcptop measure. Its exit code says whether
// that is everything.
func doctorCommand(env *Env) *cobra.Command {
	format, debug := choice{word: "text", of: []string{"text", "json"}}, false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Show what can be measured on this host, and why not more",
		Args:  cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			r, err := env.Examine(env.Version)
			if err != nil {
				return &failure{code: exitRuntime, msg: err.Error()}
			}
			if !debug {
				for i := range r.Hooks {
					r.Hooks[i].Detail = ""
				}
			}
			if format.word == "json" {
				err = json.NewEncoder(env.Stdout).Encode(r)
			} else {
				err = writeReport(env.Stdout, r)
			}
			if err != nil {
				return outcome(err)
			}
			return env.diagnosis(r)
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "`format`: text or json")
	cmd.Flags().BoolVar(&debug, "debug", false, "also what the kernel says to programs that it refuses")
	return cmd
}

// diagnosis is nil where everything is measured.
func (env *Env) diagnosis(r *doctor.Report) error {
	if r.Tier == doctor.Full {
		return nil
	}
	f := &failure{code: exitUnsupported, msg: "not everything is measured here: " + strings.Join(r.Missing, "; ")}
	if r.Refused != "" {
		f.msg = r.Refused
	}
	if r.Denied || lacksCapabilities(r) {
		f.code, f.hint = exitPermission, env.grant()
	}
	return f
}

func lacksCapabilities(r *doctor.Report) bool {
	return slices.ContainsFunc(r.Facts, func(f doctor.Fact) bool { return f.Name == "capabilities" && f.Note != "" })
}

// writeReport prints r for people.
func writeReport(w io.Writer, r *doctor.Report) error {
	var b strings.Builder
	line := func(mark, name, value, note string) {
		fmt.Fprintf(&b, "  %s  %-32s %s\n", mark, name, value)
		if note != "" {
			fmt.Fprintf(&b, "      %-32s %s\n", "", note)
		}
	}
	fmt.Fprintf(&b, "tcptop %s, Linux %s, %s\n", r.Version, r.Kernel, r.Arch)
	fmt.Fprintf(&b, "tier: %s\n", tierText(r.Tier))
	for _, what := range r.Missing {
		fmt.Fprintf(&b, "  not measured: %s\n", what)
	}
	if r.Refused != "" {
		fmt.Fprintf(&b, "  no eBPF: %s\n", r.Refused)
	}
	b.WriteString("host\n")
	for _, f := range r.Facts {
		line(mark(!f.Bad, true), f.Name, f.Value, f.Note)
	}
	b.WriteString("programs\n")
	for _, h := range r.Hooks {
		line(mark(h.Works, r.Tier != doctor.Full), h.Section, h.What, h.Why)
		for detail := range strings.Lines(h.Detail) {
			fmt.Fprintf(&b, "      %s\n", strings.TrimRight(detail, "\n"))
		}
	}
	_, err := io.WriteString(w, visible(strings.TrimSuffix(b.String(), "\n"))+"\n")
	return err
}

// mark is how a line begins; what does not work is no fault where nothing needs it.
func mark(works, needed bool) string {
	switch {
	case works:
		return "ok"
	case needed:
		return "no"
	}
	return "--"
}

func tierText(tier string) string {
	return map[string]string{
		doctor.Full: "bpf, with everything",
		doctor.BPF:  "bpf, not with everything",
		doctor.Diag: "diag (sock_diag)",
		doctor.None: "none",
	}[tier]
}
