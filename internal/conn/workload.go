package conn

import "strings"

// AppendWorkload appends what p belongs to, as long as it stays the same when instances of
// it come and go: of Kubernetes the namespace and the workload, else the container, the
// unit or the user. A nil Place has none.
func (p *Place) AppendWorkload(b []byte) []byte {
	switch {
	case p == nil:
		return b
	case p.Workload != "":
		return append(b, p.Workload...)
	case p.Pod != "":
		b = append(append(append(b, "k8s:"...), p.Namespace...), '/')
		return append(b, madeBy(p.Pod)...)
	case p.Container != "":
		return append(append(b, "container:"...), p.Container...)
	case strings.HasSuffix(p.Unit, ".service"):
		return append(append(b, "unit:"...), p.Unit...)
	case p.User != "":
		return append(append(b, "user:"...), p.User...)
	}
	return b
}

// WorkloadName is what AppendWorkload appends.
func (p *Place) WorkloadName() string { return string(p.AppendWorkload(nil)) }

// The alphabet of the suffixes that Kubernetes makes up (k8s.io/apimachinery/pkg/util/rand),
// and of those that it counts.
const (
	random = "bcdfghjklmnpqrstvwxz2456789"
	digits = "0123456789"
)

// madeBy is the name of a pod without what Kubernetes put behind its workload's: of a
// deployment the template's hash and five characters, of a job of a cron job its minute
// and five, of a daemon set, a replica set or a job five, of a stateful set a number.
func madeBy(pod string) string {
	name, cut := without(pod, random, 5, 5)
	if !cut {
		name, _ = without(pod, digits, 1, 5)
		return name
	}
	if shorter, cut := without(name, random, 6, 10); cut {
		return shorter
	}
	name, _ = without(name, digits, 8, 10)
	return name
}

// without is name without a dash and least to most letters of an alphabet behind it, if
// something is left.
func without(name, alphabet string, least, most int) (string, bool) {
	at := strings.LastIndexByte(name, '-')
	suffix := name[at+1:]
	if at <= 0 || len(suffix) < least || len(suffix) > most || strings.Trim(suffix, alphabet) != "" {
		return name, false
	}
	return name[:at], true
}
