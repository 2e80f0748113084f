package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"tcptop/internal/testkit/truth"
)

// actor is a process that does with TCP sockets what it is told, a line at a time. It
// hears on the abstract Unix socket of its name, from whoever is in its network
// namespace; what it inherited or was given are sockets like its own.
type actor struct {
	name    string
	mu      sync.Mutex     // guards what follows
	sockets map[string]int // descriptors by the name that a line calls them
	ring    map[string]*uring
}

// actorMain is NAME [SOCKET …]: the sockets are descriptors from 3 on.
func actorMain(args []string, _ *console) error {
	if len(args) == 0 {
		return errors.New("usage: load actor NAME [SOCKET...]")
	}
	if err := rename(args[0]); err != nil {
		return err
	}
	a := &actor{name: args[0], sockets: map[string]int{}, ring: map[string]*uring{}}
	for i, name := range args[1:] {
		a.sockets[name] = 3 + i
		unix.CloseOnExec(3 + i)
	}
	l, err := net.ListenUnix("unix", actorAddr(a.name))
	if err != nil {
		return fmt.Errorf("hear as %s: %w", a.name, err)
	}
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return err
		}
		go a.serve(c)
	}
}

func actorAddr(name string) *net.UnixAddr {
	return &net.UnixAddr{Name: "@tcptop-actor-" + name, Net: "unix"}
}

func (a *actor) serve(c *net.UnixConn) {
	defer c.Close()
	lines := bufio.NewScanner(handOver{a, c})
	for lines.Scan() {
		a.mu.Lock()
		said, err := a.obey(strings.Fields(lines.Text()))
		a.mu.Unlock()
		if err != nil {
			said = "error: " + err.Error()
		}
		if _, err := fmt.Fprintln(c, said); err != nil {
			return
		}
	}
}

// handOver reads lines and takes the descriptors that come with them (unix(7),
// SCM_RIGHTS); the line that they come with says what to call them.
type handOver struct {
	a *actor
	c *net.UnixConn
}

func (h handOver) Read(p []byte) (int, error) {
	var oob [64]byte
	n, k, _, _, err := h.c.ReadMsgUnix(p, oob[:])
	if err != nil || k == 0 {
		return n, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:k])
	if err != nil {
		return n, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return n, err
	}
	h.a.mu.Lock()
	defer h.a.mu.Unlock()
	h.a.sockets["given"] = fds[0]
	return n, nil
}

type actorDeed struct {
	args int
	do   func(a *actor, args []string) (string, error)
}

var actorDeeds = map[string]actorDeed{
	"listen":   {2, (*actor).listen},   // SOCKET tcp|mptcp|wide (TCP on every address): says the port
	"connect":  {3, (*actor).connect},  // SOCKET [ADDRESS:]PORT HOW
	"accept":   {3, (*actor).accept},   // SOCKET LISTENER HOW
	"send":     {2, (*actor).send},     // SOCKET BYTES
	"receive":  {2, (*actor).receive},  // SOCKET BYTES
	"close":    {1, (*actor).close},    // SOCKET
	"spawn":    {-1, (*actor).spawn},   // NAME SOCKET …: a child that inherits them
	"become":   {-1, (*actor).become},  // NAME SOCKET …: another program in this process, which keeps them
	"give":     {2, (*actor).give},     // SOCKET NAME
	"take":     {1, (*actor).take},     // SOCKET: what came with this line
	"truth":    {2, (*actor).truth},    // SOCKET DIR
	"rename":   {1, (*actor).rename},   // COMM
	"shutdown": {1, (*actor).shutdown}, // SOCKET, both ways
	"exit":     {0, func(*actor, []string) (string, error) { os.Exit(0); return "", nil }},
}

func (a *actor) obey(words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("an empty line")
	}
	deed, ok := actorDeeds[words[0]]
	args := words[1:]
	if !ok || deed.args >= 0 && len(args) != deed.args || deed.args < 0 && len(args) == 0 {
		return "", fmt.Errorf("cannot %q", strings.Join(words, " "))
	}
	return deed.do(a, args)
}

func (a *actor) socket(name string) (int, error) {
	fd, ok := a.sockets[name]
	if !ok {
		return 0, fmt.Errorf("%s has no socket %s", a.name, name)
	}
	return fd, nil
}

// inheritance is the arguments and files of a process that goes on with sockets.
func (a *actor) inheritance(args []string) (argv []string, files []*os.File, err error) {
	for _, name := range args[1:] {
		fd, err := a.socket(name)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return append([]string{"actor"}, args...), files, nil
}

// spawn says the child's pid once it hears.
func (a *actor) spawn(args []string) (string, error) {
	argv, files, err := a.inheritance(args)
	if err != nil {
		return "", err
	}
	c := exec.Command("/proc/self/exe", argv...)
	c.ExtraFiles, c.Stderr = files, os.Stderr
	if err := c.Start(); err != nil {
		return "", err
	}
	go func() { _ = c.Wait() }() // however it ends
	for _, f := range files {
		keepOpen(f)
	}
	return strconv.Itoa(c.Process.Pid), nil
}

// become runs the program again in this process, under another name.
func (a *actor) become(args []string) (string, error) {
	argv, files, err := a.inheritance(args)
	if err != nil {
		return "", err
	}
	for i, f := range files {
		fd := int(f.Fd())
		if fd < 3+len(files) && fd != 3+i {
			return "", errors.New("sockets are in each other's way")
		}
		if err := unix.Dup3(fd, 3+i, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return "", err
		}
		if fd == 3+i {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
				return "", err
			}
		}
	}
	return "", unix.Exec("/proc/self/exe", slices.Insert(argv, 0, "load"), os.Environ())
}

// keepOpen keeps a descriptor that an os.File would close when it is collected.
func keepOpen(f *os.File) { kept = append(kept, f) }

var kept []*os.File

func (a *actor) give(args []string) (string, error) {
	fd, err := a.socket(args[0])
	if err != nil {
		return "", err
	}
	c, err := net.DialUnix("unix", nil, actorAddr(args[1]))
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, _, err := c.WriteMsgUnix([]byte("take "+args[0]+"\n"), unix.UnixRights(fd), nil); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(answer, "\n"), nil
}

func (a *actor) take(args []string) (string, error) {
	fd, err := a.socket("given")
	if err != nil {
		return "", err
	}
	delete(a.sockets, "given")
	a.sockets[args[0]] = fd
	return "ok", nil
}

func (a *actor) rename(args []string) (string, error) { return "ok", rename(args[0]) }

// truth says all that is true of a socket and of this process.
func (a *actor) truth(args []string) (string, error) {
	fd, err := a.socket(args[0])
	if err != nil {
		return "", err
	}
	var rec truth.Record
	if args[1] == "listen" {
		rec, err = self()
		rec.Proto, rec.Dir = "tcp", "listen"
	} else {
		var e *end
		if e, err = newEnd(fd, "", args[1]); err == nil {
			rec = e.Record
		}
	}
	if err != nil {
		return "", err
	}
	if rec.Cookie, err = cookie(fd); err != nil {
		return "", err
	}
	if rec.Start, err = startOfSelf(); err != nil {
		return "", err
	}
	cmdline, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		return "", err
	}
	rec.Cmdline = strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " "))
	line, err := json.Marshal(rec)
	return string(line), err
}

// startOfSelf is when this process started, since boot in 1/100 s (proc_pid_stat(5), field 22).
func startOfSelf() (uint64, error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return strconv.ParseUint(fields[22-3], 10, 64)
}
