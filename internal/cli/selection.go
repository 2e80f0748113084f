package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"tcptop/internal/column"
	"tcptop/internal/conn"
	"tcptop/internal/filter"
	"tcptop/internal/table"
)

// selection are the flags that leave rows out.
type selection struct {
	tcp, udp            bool
	v4, v6              bool
	listen, established bool
	events              bool
	port, lport, rport  []string
	host                []string
	pid                 []string
	process             string
	user                string
	container           string
	pod, namespace      string
	unit, cgroup        string
	iface               string
	netns               string
	netnsName           string // netns where it is no inode and no name of ip netns
}

func (o *selection) flags() *pflag.FlagSet {
	f := newFlagSet()
	f.BoolVarP(&o.tcp, "tcp", "t", false, "TCP")
	f.BoolVarP(&o.udp, "udp", "u", false, "UDP")
	f.BoolVarP(&o.v4, "ipv4", "4", false, "IPv4, also as v4-mapped IPv6")
	f.BoolVarP(&o.v6, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&o.listen, "listen", "l", false, "TCP listeners")
	f.BoolVarP(&o.established, "established", "e", false, "established TCP connections")
	f.BoolVar(&o.events, "events", false, "what opens, changes its state, closes and fails, as lines with the reason")
	f.StringSliceVar(&o.port, "port", nil, "either port is one of `ports`, such as 80,443,8000-8100")
	f.StringSliceVar(&o.lport, "lport", nil, "the local port is one of `ports`")
	f.StringSliceVar(&o.rport, "rport", nil, "the remote port is one of `ports`")
	f.StringSliceVar(&o.host, "host", nil, "either address is `addr` or in that network")
	f.StringSliceVar(&o.pid, "pid", nil, "owned by process `pid`")
	f.StringVar(&o.process, "process", "", "owned by a process whose comm matches regular expression `re`")
	f.StringVar(&o.user, "user", "", "owned by user `name` or uid")
	f.StringVar(&o.container, "container", "", "in container `name` or id, or one that begins so")
	f.StringVar(&o.pod, "pod", "", "in pod `name`, or one that begins so")
	f.StringVar(&o.namespace, "namespace", "", "in Kubernetes namespace `name`, or one that begins so")
	f.StringVar(&o.unit, "unit", "", "of systemd unit `name`, or one that begins so")
	f.StringVar(&o.cgroup, "cgroup", "", "in the control group at `path`, or one that begins so")
	f.StringVarP(&o.iface, "interface", "i", "", "bound to network device `name` or routed through it")
	f.StringVar(&o.netns, "netns", "", "in network namespace `ns`: an inode, or a name or how one begins")
	return f
}

// protocols says which ones are asked for; none means both.
func (o *selection) protocols() (tcp, udp bool) {
	states := o.listen || o.established
	tcp = o.tcp || !o.udp
	udp = (o.udp || !o.tcp) && !states
	return tcp, udp
}

// condition is one flag as the filter language has it.
type condition struct{ flag, field, operator, value string }

// filter turns the flags into one filter, but for the address family.
func (o *selection) filter(env *Env, list *column.List) (*filter.Filter, error) {
	if (o.listen || o.established) && o.udp && !o.tcp {
		return nil, usagef("leave out --udp", "--listen and --established are TCP states; --udp has none of them")
	}
	uid, err := o.uid(env)
	if err != nil {
		return nil, err
	}
	var all []*filter.Filter
	for _, c := range []condition{
		{"tcp", "proto", "=", o.proto()},
		{"listen", "state", "=", o.states()},
		{"events", "event", "=", o.kinds()},
		{"port", "port", "=", strings.Join(o.port, ",")},
		{"lport", "lport", "=", strings.Join(o.lport, ",")},
		{"rport", "rport", "=", strings.Join(o.rport, ",")},
		{"host", "addr", "in", strings.Join(o.host, ",")},
		{"pid", "pid", "=", strings.Join(o.pid, ",")},
		{"process", "comm", "~", o.process},
		{"user", "uid", "=", uid},
		{"interface", "iface", "=", o.iface},
		{"netns", "netns", "=", o.inode(env)},
	} {
		if c.value == "" {
			continue
		}
		f, err := filter.Field(list, c.field, c.operator, c.value)
		if err != nil {
			return nil, filterFailure("--"+c.flag, err)
		}
		all = append(all, f)
	}
	places, err := o.places(list)
	if err != nil {
		return nil, err
	}
	return filter.And(append(all, places...)...), nil
}

// places makes the filters of the flags that take a name or the beginning of one, each
// of any of its fields.
func (o *selection) places(list *column.List) ([]*filter.Filter, error) {
	var all []*filter.Filter
	for _, c := range []struct {
		flag, value string
		fields      []string
	}{
		{"container", o.container, []string{"container", "container_id"}},
		{"pod", o.pod, []string{"pod"}},
		{"namespace", o.namespace, []string{"namespace"}},
		{"unit", o.unit, []string{"unit"}},
		{"cgroup", o.cgroup, []string{"cgroup"}},
		{"netns", o.netnsName, []string{"netns_name"}},
	} {
		if c.value == "" {
			continue
		}
		var any []*filter.Filter
		for _, field := range c.fields {
			f, err := filter.Prefix(list, field, c.value)
			if err != nil {
				return nil, filterFailure("--"+c.flag, err)
			}
			any = append(any, f)
		}
		all = append(all, filter.Or(any...))
	}
	return all, nil
}

func (o *selection) proto() string {
	tcp, udp := o.protocols()
	switch {
	case tcp && udp:
		return ""
	case tcp:
		return conn.TCP.String()
	}
	return conn.UDP.String()
}

// kinds are the events of --events.
func (o *selection) kinds() string {
	if !o.events {
		return ""
	}
	return strings.Join([]string{conn.EventOpen.String(), conn.EventState.String(), conn.EventClose.String(), conn.EventFail.String()}, ",")
}

func (o *selection) states() string {
	var of []string
	if o.listen {
		of = append(of, conn.Listen.String())
	}
	if o.established {
		of = append(of, conn.Established.String())
	}
	return strings.Join(of, ",")
}

// family reports whether r is of an address family that is asked for. It asks
// the remote end first: a UDP socket bound to :: talks to both kinds.
func (o *selection) family(r *table.Row) bool {
	if o.v4 == o.v6 {
		return true
	}
	end := r.Laddr
	if r.Has&conn.HasRaddr != 0 {
		end = r.Raddr
	}
	return end.Is4() == o.v4
}

// uid is --user as a number.
func (o *selection) uid(env *Env) (string, error) {
	if o.user == "" || isNumber(o.user) {
		return o.user, nil
	}
	uid, err := env.UserID(o.user)
	if err != nil {
		return "", usagef("a user id works where this host does not know the name", "--user: no user %q", o.user)
	}
	return strconv.FormatUint(uint64(uid), 10), nil
}

// inode is --netns as a number. What is no name that ip netns has now is looked for among
// the names of all namespaces, which may come later.
func (o *selection) inode(env *Env) string {
	// readlink(/proc/PID/ns/net) prints net:[INODE].
	s := strings.TrimSuffix(strings.TrimPrefix(o.netns, "net:["), "]")
	if s == "" || isNumber(s) {
		return s
	}
	inode, err := env.NetNS(s)
	if err != nil {
		o.netnsName = s
		return ""
	}
	return strconv.FormatUint(uint64(inode), 10)
}
