package column

import (
	"tcptop/internal/conn"
	"tcptop/internal/table"
)

func ownerFields() []Column {
	return []Column{
		{Name: "pid", Title: "PID", Kind: Int, Width: 7,
			Help: "Process that the connection belongs to: its thread group (task_struct.tgid) as the host's pid namespace sees it.",
			Num:  nonzero(0, func(c *conn.Conn) int64 { return int64(c.Owner.PID) })},
		{Name: "comm", Title: "COMM", Kind: Text, Width: 15,
			Help: "Name of the process, of its thread group leader and not of a thread (task_struct.comm, at most 15 bytes).",
			Text: comm},
		{Name: "cmdline", Title: "CMDLINE", Kind: Text, Width: 40,
			Help: "Command line of the process (/proc/PID/cmdline).",
			Text: process(func(p *conn.Process) string { return p.Cmdline })},
		{Name: "exe", Title: "EXE", Kind: Text, Width: 24,
			Help: "Path of the program that the process runs (/proc/PID/exe).",
			Text: process(func(p *conn.Process) string { return p.Exe })},
		{Name: "uid", Title: "UID", Kind: Int, Width: 5,
			Help: "User id of the socket (sock.sk_uid), that of whoever created it.",
			Num:  num(conn.HasUID, func(c *conn.Conn) int64 { return int64(c.UID) })},
		{Name: "user", Title: "USER", Kind: Text, Width: 10,
			Help: "Name of the socket's user id.",
			Text: text(user)},
		{Name: "owners", Title: "OWNERS", Kind: Count, Width: 6,
			Help: "How many processes held the socket open when last looked; missing until a first look, of a UDP flow for up to five seconds.",
			Num:  num(conn.HasHolders, func(c *conn.Conn) int64 { return int64(c.Holders) })},
		{Name: "owner_source", Title: "OWNERSRC", Kind: Text, Width: 8, Values: names(conn.OwnerConnect),
			Help: "How the owner is known: seen at connect or listen, seen at work on the accepted connection, from the kernel's list of open files, from /proc.",
			Text: text(func(r *table.Row) string { return r.Owner.Source.String() })},
	}
}

func comm(dst []byte, _ *table.Snapshot, r *table.Row) ([]byte, bool) {
	b := r.Owner.Comm.Bytes()
	return append(dst, b...), len(b) > 0
}

func user(r *table.Row) string {
	if r.Has&conn.HasUID == 0 || r.Place == nil {
		return ""
	}
	return r.Place.User
}
