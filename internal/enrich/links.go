package enrich

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"tcptop/internal/conn"
)

// links are the network devices of one namespace.
type links struct {
	names map[uint32]string    // by index
	addrs map[conn.Addr]uint32 // which device has an address
}

const (
	// loopback is the index of lo in every namespace (LOOPBACK_IFINDEX).
	loopback = 1
	// maxLinks bounds the devices and the addresses of a namespace.
	maxLinks = 1 << 14
)

// of is the device that a connection between two addresses is routed through, 0 where that
// is not known: lo where both ends are here, else the one that has the local address.
func (l *links) of(local, remote conn.Addr) uint32 {
	if _, here := l.addrs[remote]; here {
		return loopback
	}
	return l.addrs[local]
}

// findLinks reads the devices of namespaces by their inodes, those that can be entered.
func findLinks(proc, netns string, wanted map[uint32]struct{}) map[uint32]*links {
	found := make(map[uint32]*links)
	try := func(path string, enter bool) {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			return
		}
		inode := uint32(st.Ino)
		if _, want := wanted[inode]; !want || found[inode] != nil {
			return
		}
		if l, err := readLinks(path, enter); err == nil {
			found[inode] = l
		}
	}
	try(filepath.Join(proc, "thread-self/ns/net"), false)
	for _, dir := range []struct{ path, below string }{{netns, ""}, {proc, "ns/net"}} {
		d, err := os.Open(dir.path)
		if err != nil {
			continue
		}
		all, _ := d.Readdirnames(-1) // what can be read
		_ = d.Close()
		for _, name := range all {
			if _, err := strconv.Atoi(name); len(found) < len(wanted) && (dir.below == "" || err == nil) {
				try(filepath.Join(dir.path, name, dir.below), true)
			}
		}
	}
	return found
}

// readLinks reads the devices of the namespace at path, on a thread that ends with it if it
// has to be entered.
func readLinks(path string, enter bool) (l *links, err error) {
	if !enter {
		return ownLinks()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread is not to be used by anybody else
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			l, err = ownLinks()
		}
	}()
	<-done
	return l, err
}

// ownLinks asks the kernel (rtnetlink(7)) for those of this thread's namespace.
func ownLinks() (*links, error) {
	l := &links{names: make(map[uint32]string), addrs: make(map[conn.Addr]uint32)}
	for _, kind := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR} {
		data, err := syscall.NetlinkRIB(kind, unix.AF_UNSPEC)
		if err != nil {
			return nil, err
		}
		if err := l.parse(data); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// parse takes in messages of rtnetlink.
func (l *links) parse(data []byte) error {
	all, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return err
	}
	for i := range all {
		m := &all[i]
		var head int
		switch m.Header.Type {
		case unix.RTM_NEWLINK:
			head = unix.SizeofIfInfomsg
		case unix.RTM_NEWADDR:
			head = unix.SizeofIfAddrmsg
		default:
			continue
		}
		if len(m.Data) < head {
			return errors.New("a short message of a device or an address")
		}
		index := binary.NativeEndian.Uint32(m.Data[4:]) // ifinfomsg.ifi_index, ifaddrmsg.ifa_index
		// Not syscall.ParseNetlinkRouteAttr, which panics where the last attribute lacks its padding.
		attrs, err := netlink.NewAttributeDecoder(m.Data[head:])
		if err != nil {
			return err
		}
		for attrs.Next() {
			l.take(m.Header.Type, index, attrs.Type(), attrs.Bytes())
		}
		if err := attrs.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (l *links) take(message uint16, index uint32, kind uint16, value []byte) {
	if message == unix.RTM_NEWLINK {
		if kind == unix.IFLA_IFNAME && len(l.names) < maxLinks {
			l.names[index] = unix.ByteSliceToString(value[:min(len(value), unix.IFNAMSIZ)])
		}
		return
	}
	// Of a device that has a peer, IFA_ADDRESS is the peer's.
	if kind != unix.IFA_LOCAL && (kind != unix.IFA_ADDRESS || len(value) != 16) || len(l.addrs) >= maxLinks {
		return
	}
	var addr conn.Addr
	switch len(value) {
	case 4:
		addr = conn.Addr{10: 0xff, 11: 0xff}
		copy(addr[12:], value)
	case 16:
		copy(addr[:], value)
	default:
		return
	}
	l.addrs[addr] = index
}
