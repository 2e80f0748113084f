package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"tcptop/internal/column"
)

// maxConfig bounds a configuration file.
const maxConfig = 64 << 10

// configFile is one file of settings: flags by their long names.
type configFile struct {
	path    string
	must    bool // it was named, so it has to be there
	owner   int  // who else but root may have written it; -1 is nobody
	setting map[string]any
}

// configFiles are those that count, the ones before over the ones after: what
// TCPTOP_CONFIG names alone, else the user's (XDG Base Directory) and the system's.
func (env *Env) configFiles() []configFile {
	if path := env.variable("TCPTOP_CONFIG"); path != "" {
		return []configFile{{path: path, must: true, owner: os.Geteuid()}}
	}
	var files []configFile
	if dir := env.ownDir("XDG_CONFIG_HOME", ".config"); dir != "" {
		files = append(files, configFile{path: filepath.Join(dir, "config.toml"), owner: os.Geteuid()})
	}
	if env.SystemConfig != "" {
		files = append(files, configFile{path: env.SystemConfig, owner: -1})
	}
	return files
}

// configure sets every flag that the command line leaves open from the environment and
// the configuration files, and notes in origins where each came from. A flag that is set
// here counts as given.
func (env *Env) configure(flags *pflag.FlagSet, origins map[string]string) error {
	return env.configureAs("", flags, nil, origins)
}

// configureCommand is configure for a command: what the files say of flags that it shares
// with tcptop itself, and in the table of its name of all of its own. What they say of the
// others is none of its business.
func (env *Env) configureCommand(cmd *cobra.Command, origins map[string]string) error {
	shared := newFlagSet()
	for _, g := range newOptions().groups() {
		g.flags.VisitAll(func(f *pflag.Flag) {
			if own := cmd.Flags().Lookup(f.Name); own != nil && own.Value.Type() == f.Value.Type() {
				f = own
			} else {
				f.Shorthand = "" // it may mean something else here
			}
			shared.AddFlag(f)
		})
	}
	return env.configureAs(cmd.Name(), shared, cmd.Flags(), origins)
}

func (env *Env) configureAs(command string, shared, own *pflag.FlagSet, origins map[string]string) error {
	if theme := env.variable("TCPTOP_THEME"); theme != "" {
		if err := setFlag(shared, "theme", theme, "TCPTOP_THEME", origins); err != nil {
			return err
		}
	}
	files, err := env.settings()
	for _, f := range files {
		err = errors.Join(err, f.applyTable(command, own, origins))
		err = errors.Join(err, f.apply(shared, origins))
		if err != nil {
			return err
		}
	}
	return err
}

// settings reads the files.
func (env *Env) settings() (files []configFile, _ error) {
	for _, f := range env.configFiles() {
		ignored, err := f.read()
		if err != nil {
			return nil, err
		}
		if ignored != "" {
			fmt.Fprint(env.Stderr, message(f.path+" is ignored: "+ignored, ""))
			continue
		}
		files = append(files, f)
	}
	return files, nil
}

// tables are the commands that have one, for the flags that they alone have.
var tables = []string{"agent", "fleet", "record", "replay", "report"}

// apply sets the flags that all commands know.
func (f *configFile) apply(flags *pflag.FlagSet, origins map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(f.setting)) {
		_, table := f.setting[name].(map[string]any)
		switch {
		case table && slices.Contains(tables, name):
			continue
		case table:
			hint := "commands with a table are " + strings.Join(tables, ", ")
			if near := column.Nearest(name, tables); near != "" {
				hint = "did you mean [" + near + "]?"
			}
			return badConfig(f.path, hint, "no such table: [%s]", name)
		}
		if err := setValue(flags, name, f.setting[name], f.path, origins); err != nil {
			return err
		}
	}
	return nil
}

// applyTable sets the flags of a command.
func (f *configFile) applyTable(command string, flags *pflag.FlagSet, origins map[string]string) error {
	table, _ := f.setting[command].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if err := setValue(flags, name, table[name], f.path+" ["+command+"]", origins); err != nil {
			return err
		}
	}
	return nil
}

func setValue(flags *pflag.FlagSet, name string, value any, origin string, origins map[string]string) error {
	text, err := settingText(value)
	if err != nil {
		return badConfig(origin, "", "%s: %v", name, err)
	}
	return setFlag(flags, name, text, origin, origins)
}

// setFlag sets a flag that nobody has set yet.
func setFlag(flags *pflag.FlagSet, name, text, origin string, origins map[string]string) error {
	f := flags.Lookup(name)
	if f == nil || name == "help" || name == "version" {
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		hint := "tcptop config lists what can be set"
		if near := column.Nearest(name, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return badConfig(origin, hint, "no such setting: %q", name)
	}
	if f.Changed {
		return nil
	}
	if err := flags.Set(name, text); err != nil {
		return badConfig(origin, "", "%s %q: %v", name, text, flagCause(err))
	}
	origins[name] = origin
	return nil
}

// flagCause is what is wrong with a flag's value, in the words of the other errors.
func flagCause(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = errors.Unwrap(invalid)
	}
	if _, ok := errors.AsType[*strconv.NumError](err); ok {
		return errors.New("not a number, or out of range")
	}
	return err
}

func badConfig(origin, hint, format string, args ...any) error {
	return &failure{code: exitConfig, msg: origin + ": " + fmt.Sprintf(format, args...), hint: hint}
}

// read fills f.setting. A file that somebody else could have written says nothing to a
// program that may run with more privileges than that somebody: ignored is why.
func (f *configFile) read() (ignored string, _ error) {
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case err == nil:
	case f.must:
		return "", badConfig(f.path, "", "%v", cmp.Or(errors.Unwrap(err), err))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return "", nil
	case errors.Is(err, fs.ErrPermission) && f.owner >= 0: // HOME is still another user's, as after setpriv(1)
		return "", nil
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it", nil
	default:
		return "", badConfig(f.path, "", "%v", cmp.Or(errors.Unwrap(err), err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", badConfig(f.path, "", "%v", err)
	}
	if ignored = f.untrusted(info); ignored != "" {
		return ignored, nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return "", badConfig(f.path, "", "%v", cmp.Or(errors.Unwrap(err), err))
	}
	if len(text) > maxConfig {
		return "", badConfig(f.path, "", "more than %d KiB", maxConfig>>10)
	}
	if f.setting, err = parseConfig(text); err != nil {
		return "", badConfig(f.path, "", "%v", err)
	}
	return "", nil
}

// untrusted says why a file is not obeyed; "" where it is. The null device is an empty file.
func (f *configFile) untrusted(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "its owner is not known"
	case stat.Uid != 0 && int(stat.Uid) != f.owner:
		return fmt.Sprintf("it belongs to uid %d", stat.Uid)
	case info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == unix.Mkdev(1, 3):
		return ""
	case !info.Mode().IsRegular():
		return "it is no regular file"
	case stat.Uid == 0 && f.owner > 0 && unix.Faccessat(unix.AT_FDCWD, f.path, unix.R_OK, 0) != nil:
		// access(2) asks without the capabilities that a file gave this program
		return "its owner is root, and this user may not read it"
	case info.Mode()&0o002 != 0:
		return "anybody may write to it"
	}
	return ""
}

// parseConfig reads TOML (v1.0). An error names the line.
func parseConfig(text []byte) (map[string]any, error) {
	setting := map[string]any{}
	err := toml.Unmarshal(text, &setting)
	if syntax, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("line %d: %s", syntax.Position.Line, syntax.Message)
	}
	return setting, err
}

// settingText is a setting as the command line would have it.
func settingText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int64, float64:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			if _, list := v[i].([]any); list {
				return "", errors.New("a list within a list")
			}
			text, err := settingText(v[i])
			if err != nil {
				return "", err
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("not text, a number, true, false or a list of these")
}
