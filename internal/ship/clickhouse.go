package ship

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// engine speaks one protocol.
type engine interface {
	// request is lines on their way; token is their name, the same each time.
	request(ctx context.Context, token string, lines []byte) (*http.Request, error)
	// understand says more of an answer than HTTP does.
	understand(a answer, h http.Header, body []byte) answer
}

// clickhouse inserts over HTTP, with what servers from 18.16 on understand.
type clickhouse struct {
	target *Target
	old    atomic.Bool // it knows no token
}

func (c *clickhouse) request(ctx context.Context, token string, lines []byte) (*http.Request, error) {
	q := url.Values{
		"query":                            {"INSERT INTO " + c.target.table + " FORMAT JSONEachRow"},
		"input_format_skip_unknown_fields": {"1"}, // a table that is older than the agent
		"date_time_input_format":           {"best_effort"},
	}
	if !c.old.Load() {
		q.Set("insert_deduplication_token", token)
	}
	u := c.target.url
	u.RawQuery = q.Encode()
	return post(ctx, u.String(), "application/x-ndjson", lines)
}

// understand finds the exception (X-ClickHouse-Exception-Code, or in the text of older
// servers), whose number says more than the status does.
func (c *clickhouse) understand(a answer, h http.Header, body []byte) answer {
	code := h.Get("X-ClickHouse-Exception-Code")
	if rest, found := bytes.CutPrefix(body, []byte("Code: ")); found && code == "" {
		number, _, _ := strings.Cut(string(rest[:min(len(rest), 8)]), ",")
		code, _, _ = strings.Cut(number, ".")
	}
	switch {
	case code == "" || code == "0":
		return a
	case code == "115" && !c.old.Swap(true): // UNKNOWN_SETTING
		return answer{verdict: later, wait: now} // no trouble
	}
	if a.verdict == stored {
		a = answer{verdict: later, err: errString(excerpt(body))}
	}
	switch code {
	case "60", "81", "192", "193", "194", "497", "516": // UNKNOWN_TABLE, UNKNOWN_DATABASE, users and rights
		a.verdict = denied
	case "6", "26", "27", "38", "41", "53", "70", "117", "131": // what cannot be parsed or converted
		a.verdict = refused
	}
	a.unsure = false // an exception ends an insert without a row
	return a
}

type errString string

func (e errString) Error() string { return string(e) }

// post packs a body.
func post(ctx context.Context, url, kind string, body []byte) (*http.Request, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &b)
	if err == nil {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Content-Encoding", "gzip")
	}
	return r, err
}
