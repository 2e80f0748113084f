package group

import (
	"regexp"
	"strings"

	"tcptop/internal/conn"
)

// random is the alphabet of the suffixes that Kubernetes makes up
// (k8s.io/apimachinery/pkg/util/rand).
const random = "[bcdfghjklmnpqrstvwxz2456789]"

// generated is what Kubernetes puts behind a workload's name to name a pod: of a
// deployment the template's hash and five characters, of a job of a cron job its minute
// and five, of a daemon set, a replica set or a job five, of a stateful set a number.
var generated = regexp.MustCompile(`(-` + random + `{6,10}-` + random + `{5}|-[0-9]{8,10}-` + random + `{5}|-` + random + `{5}|-[0-9]{1,5})$`)

// workload is what p belongs to, as long as it stays the same when instances of it come
// and go: of Kubernetes the namespace and the workload, else the container, the unit or the user.
func workload(p *conn.Place) string {
	switch {
	case p == nil:
		return ""
	case p.Pod != "":
		name := p.Pod
		if at := generated.FindStringIndex(name); at != nil && at[0] > 0 {
			name = name[:at[0]]
		}
		return "k8s:" + p.Namespace + "/" + name
	case p.Container != "":
		return "container:" + p.Container
	case strings.HasSuffix(p.Unit, ".service"):
		return "unit:" + p.Unit
	case p.User != "":
		return "user:" + p.User
	}
	return ""
}
