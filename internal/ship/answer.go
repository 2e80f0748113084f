package ship

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// verdict is what becomes of what was sent.
type verdict uint8

const (
	stored  verdict = iota
	later           // try again
	refused         // what is in it is wrong, and will be
	denied          // the configuration is wrong: nobody's data are
)

// answer is how an engine took a request.
type answer struct {
	verdict verdict
	unsure  bool          // the engine may have it nevertheless
	wait    time.Duration // that it asks for
	lost    uint64        // records that it says it does not take, in what it has taken
	err     error
}

// maxAnswer bounds what is read of an answer; maxWait what an engine may ask for.
const (
	maxAnswer = 64 << 10
	maxWait   = 10 * time.Minute
)

// tlsAlert is what crypto/tls calls an alert of the other side: it does not take us, for one
// because of our certificate. It has read nothing then.
const tlsAlert = "remote error"

// failed is the answer of a request that had none.
func failed(err error) answer {
	var dial *net.OpError
	var stranger *tls.CertificateVerificationError
	switch {
	case errors.As(err, &stranger), errors.As(err, &dial) && dial.Op == tlsAlert:
		return answer{verdict: denied, err: err}
	case errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect"):
		return answer{verdict: later, err: err}
	}
	return answer{verdict: later, unsure: true, err: err}
}

// read reads an answer; body is what there is of its text.
func read(resp *http.Response) (a answer, body []byte) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	code := resp.StatusCode
	switch {
	case code/100 == 2 && err != nil:
		return failed(err), nil
	case code/100 == 2:
		return answer{}, body
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		a.verdict = refused
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code/100 == 5:
		a.verdict, a.wait = later, retryAfter(resp.Header)
		a.unsure = code != http.StatusTooManyRequests && code != http.StatusServiceUnavailable
	default:
		a.verdict = denied
	}
	a.err = fmt.Errorf("HTTP %d: %s", code, excerpt(body))
	return a, body
}

// retryAfter is how long the engine asks to wait (RFC 9110, 10.2.3), by its own clock.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	d := time.Duration(0)
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		if now, err := http.ParseTime(h.Get("Date")); err == nil {
			d = at.Sub(now)
		}
	}
	return min(max(d, 0), maxWait)
}

// excerpt is the begin of an answer's text.
func excerpt(body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 300)]))
	if text == "" {
		return "no text"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
