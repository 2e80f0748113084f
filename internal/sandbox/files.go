package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Files are those that can still be opened. What is open stays open.
//
// Whoever is confined so cannot look into other processes any more, whatever its
// capabilities: Landlock takes its links of /proc (exe, fd, ns) for tracing
// (hook_ptrace_access_check, security/landlock/task.c).
type Files struct {
	Read  []string // files, and directories with all that is in them; may be missing
	Write []string // directories whose files may be made, written, renamed and removed
}

const (
	readDir   = ll.AccessFSReadFile | ll.AccessFSReadDir
	writeFile = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	writeDir  = readDir | writeFile | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
)

// domainPort is where the DNS is asked by TCP.
const domainPort = 53

// enter confines to f, and with it TCP, signals and abstract unix sockets as far as
// calls need none of them; it returns the version of the kernel's Landlock, 0 for none.
func (f *Files) enter(calls Calls) (int, error) {
	abi := landlockVersion()
	if abi == 0 {
		return 0, nil
	}
	rules, err := f.rules()
	if err != nil {
		return 0, err
	}
	if calls.Ask {
		rules = append(rules, landlock.ConnectTCP(domainPort))
	}
	for _, port := range calls.Reach {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return 0, err
	}
	if !calls.Act {
		err = landlock.V7.BestEffort().RestrictScoped()
	}
	return abi, err
}

// landlockVersion is 0 where it is not built in, or not switched on.
func landlockVersion() int {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return abi
}

func (f *Files) rules() (rules []landlock.Rule, _ error) {
	for _, path := range f.Read {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			// nor could it be read later
		case err != nil:
			return nil, err
		case info.IsDir():
			rules = append(rules, landlock.PathAccess(readDir, path))
		default:
			rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, path))
		}
	}
	for _, dir := range f.Write {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || filepath.Clean(dir) == "/" {
			continue // all files are not what is meant
		}
		rules = append(rules, landlock.PathAccess(writeDir, dir))
	}
	return rules, nil
}
