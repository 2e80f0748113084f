package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Format is the version of the format that is written. A reader takes every version
// up to its own.
const Format = 1

// Header is what a recording says of itself. The lists name the numbers and texts of
// its sets in the order of their columns; a reader takes what it knows and leaves the
// rest.
type Header struct {
	Format   int           `json:"format"`
	Program  string        `json:"program"` // who wrote it, with its version
	Host     string        `json:"host"`
	Session  string        `json:"session"`        // the same in all segments that one run of the recorder wrote
	Interval time.Duration `json:"interval_ns"`    // that was asked for
	Timeout  time.Duration `json:"udp_timeout_ns"` // after which an idle UDP flow is hidden
	Conn     []string      `json:"conn"`
	Head     []string      `json:"head"`
	Total    []string      `json:"total"`
	Gone     []string      `json:"gone"`
	Place    []string      `json:"place"`
	Process  []string      `json:"process"`
	Remote   []string      `json:"remote"`
}

// describe fills what this program writes.
func (h *Header) describe() {
	h.Format = Format
	h.Conn, h.Head, h.Total, h.Gone = names(connMembers), names(headMembers), names(totalMembers), names(goneMembers)
	h.Place, h.Process, h.Remote = textNames(placeTexts), textNames(processTexts), textNames(remoteTexts)
}

// encode returns the header as JSON.
func (h *Header) encode() ([]byte, error) {
	h.describe()
	return json.Marshal(h)
}

// parseHeader reads what encode wrote.
func parseHeader(b []byte) (*Header, error) {
	h := new(Header)
	if err := json.Unmarshal(b, h); err != nil {
		return nil, damaged("header: %v", err)
	}
	switch {
	case h.Format > Format:
		return nil, fmt.Errorf("written in format %d, which is newer than this program (%d)", h.Format, Format)
	case h.Format < 1:
		return nil, damaged("format %d", h.Format)
	}
	return h, nil
}

// alike reports whether what h describes is decoded as what o describes.
func (h *Header) alike(o *Header) bool {
	a, b := *h, *o
	a.Program, a.Session, a.Interval, a.Timeout = b.Program, b.Session, b.Interval, b.Timeout
	return reflect.DeepEqual(a, b)
}

func names[T any](of []member[T]) []string {
	all := make([]string, len(of))
	for i := range of {
		all[i] = of[i].name
	}
	return all
}

func textNames[T any](of []text[T]) []string {
	all := make([]string, len(of))
	for i := range of {
		all[i] = of[i].name
	}
	return all
}

// inFile returns the members in the order of a file's columns; those that we don't
// know have no set.
func inFile[T any](of []member[T], file []string) []member[T] {
	all := make([]member[T], len(file))
	for i, name := range file {
		for m := range of {
			if of[m].name == name {
				all[i] = of[m]
			}
		}
	}
	return all
}

func settersInFile[T any](of []text[T], file []string) []func(*T, string) {
	all := make([]func(*T, string), len(file))
	for i, name := range file {
		for t := range of {
			if of[t].name == name {
				all[i] = of[t].set
			}
		}
	}
	return all
}
