package tui

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// remembered is the view state from one run to the next.
type remembered struct {
	Theme   string                 `json:"theme,omitempty"`
	Bits    bool                   `json:"bits,omitempty"`
	Ports   bool                   `json:"ports,omitempty"`
	Views   map[string]viewMemento `json:"views,omitempty"`
	History []string               `json:"filters,omitempty"`
}

type viewMemento struct {
	Columns []string `json:"columns,omitempty"`
	Sort    string   `json:"sort,omitempty"`
	Desc    bool     `json:"desc,omitempty"`
	Group   string   `json:"group,omitempty"`
	Wide    bool     `json:"wide,omitempty"`
}

const maxState = 1 << 20

// restore takes what the last run left. A file that is none is not there.
func (m *Model) restore() {
	if m.cfg.StatePath == "" {
		return
	}
	data, err := readOwn(m.cfg.StatePath)
	if err != nil {
		return
	}
	var r remembered
	if json.Unmarshal(data, &r) != nil {
		return
	}
	if r.Theme == "auto" || slices.Contains(themeNames(), r.Theme) {
		m.setLook(r.Theme)
	}
	m.env.units.Bits = r.Bits
	m.env.ports = r.Ports && m.cfg.PortName != nil
	m.bar.history = r.History[:min(len(r.History), maxHistory)]
	for _, v := range m.views {
		if was, ok := r.Views[v.name]; ok {
			m.restoreView(v, was)
		}
	}
}

// readOwn reads a regular file of this user's: no link is followed, nothing is waited for.
func readOwn(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Geteuid() || !info.Mode().IsRegular() || info.Size() > maxState {
		return nil, fs.ErrPermission
	}
	return io.ReadAll(io.LimitReader(f, maxState))
}

func (m *Model) restoreView(v *view, was viewMemento) {
	known := was.Columns[:0:0]
	for _, n := range was.Columns {
		if m.cols.of[n] != nil && !slices.Contains(known, n) {
			known = append(known, n)
		}
	}
	if len(known) > 0 {
		v.columns = known
	}
	if m.cols.of[was.Sort] != nil {
		v.sort = sorting{was.Sort, was.Desc}
	}
	if was.Group == "" || slices.Contains(groupNames(), was.Group) {
		v.setGroup(was.Group)
	}
	v.wide = was.Wide
}

// Save remembers the view state for the next run.
func (m *Model) Save() error {
	if m.cfg.StatePath == "" {
		return nil
	}
	r := remembered{Theme: m.look, Bits: m.env.units.Bits, Ports: m.env.ports, History: m.bar.history, Views: map[string]viewMemento{}}
	for i, v := range newViews(m.cfg.Views) {
		now := m.views[i]
		if slices.Equal(v.columns, now.columns) && v.sort == now.sort && v.group == now.group && !now.wide {
			continue
		}
		r.Views[now.name] = viewMemento{Columns: now.columns, Sort: now.sort.column, Desc: now.sort.desc, Group: now.group, Wide: now.wide}
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(m.cfg.StatePath, append(data, '\n'))
}

// writeFile replaces path at once, so that a reader never sees half of it.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".screen-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
