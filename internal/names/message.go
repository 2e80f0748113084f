package names

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tcptop/internal/conn"
)

// question is what was asked for: the addresses of a name.
type question struct {
	name string // in lower case, without the dot at its end
	kind dnsmessage.Type
}

// answer is the addresses that a question was answered by.
type answer struct {
	question
	addrs []conn.Addr
	ttl   time.Duration // the shortest of the records that led there
}

const (
	maxRecords = 128            // of a message; more are not looked at
	maxTTL     = 24 * time.Hour // RFC 8767, section 4, recommends to cap at a week at most
	maxChain   = 16             // CNAMEs from the question to the addresses
)

// errOther is a message that names no address, in perfect order.
var errOther = errors.New("no question or answer for an address")

// parseQuery reads a query (RFC 1035, section 4.1) for IPv4 or IPv6 addresses.
func parseQuery(data []byte) (id uint16, q question, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(data)
	if err != nil {
		return 0, q, err
	}
	if h.Response || h.OpCode != 0 {
		return h.ID, q, errOther
	}
	q, err = parseQuestion(&p)
	return h.ID, q, err
}

// parseQuestion reads the one question of a message.
func parseQuestion(p *dnsmessage.Parser) (question, error) {
	q, err := p.Question()
	if err != nil {
		return question{}, err
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return question{}, errOther
	}
	address := q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA
	if !address || q.Class != dnsmessage.ClassINET {
		return question{}, errOther
	}
	return question{nameOf(q.Name), q.Type}, nil
}

// parseAnswer reads a whole answer, or of one that is cut what is there. The records
// that follow from its question, by way of CNAMEs, are all that it is believed.
func parseAnswer(data []byte, cut bool) (id uint16, a answer, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(data)
	if err != nil {
		return 0, a, err
	}
	// What is in a truncated message is to be asked for again, over TCP (RFC 2181, section 9).
	if !h.Response || h.OpCode != 0 || h.Truncated || h.RCode != dnsmessage.RCodeSuccess {
		return h.ID, a, errOther
	}
	if a.question, err = parseQuestion(&p); err != nil {
		return h.ID, a, err
	}
	records, err := parseRecords(&p, a.kind)
	if err != nil && !cut {
		return h.ID, a, err
	}
	a.follow(records)
	return h.ID, a, nil
}

// record is one answer record: an address or, of a CNAME, another name.
type record struct {
	owner, target string
	addr          conn.Addr
	ttl           time.Duration
}

// parseRecords reads the CNAMEs and the addresses of one kind up to the first fault.
func parseRecords(p *dnsmessage.Parser, kind dnsmessage.Type) (records []record, err error) {
	for range maxRecords {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		r := record{owner: nameOf(h.Name), ttl: min(time.Duration(h.TTL)*time.Second, maxTTL)}
		switch {
		case h.Class != dnsmessage.ClassINET:
			err = p.SkipAnswer()
			r.owner = ""
		case h.Type == dnsmessage.TypeCNAME:
			var body dnsmessage.CNAMEResource
			body, err = p.CNAMEResource()
			r.target = nameOf(body.CNAME)
		case h.Type == dnsmessage.TypeA && kind == h.Type:
			var body dnsmessage.AResource
			body, err = p.AResource()
			r.addr = conn.AddrFrom(netip.AddrFrom4(body.A))
		case h.Type == dnsmessage.TypeAAAA && kind == h.Type:
			var body dnsmessage.AAAAResource
			body, err = p.AAAAResource()
			r.addr = body.AAAA
		default:
			err = p.SkipAnswer()
			r.owner = ""
		}
		if err != nil {
			return records, err
		}
		if r.owner != "" {
			records = append(records, r)
		}
	}
	return records, nil
}

// follow collects the addresses that the question leads to.
func (a *answer) follow(records []record) {
	a.ttl = maxTTL
	at := a.name
	for range maxChain {
		next := ""
		for _, r := range records {
			switch {
			case r.owner != at:
				continue
			case r.target != "":
				next = r.target
			case !r.addr.Netip().IsUnspecified(): // which is how blocked names are answered
				a.addrs = append(a.addrs, r.addr)
			}
			a.ttl = min(a.ttl, r.ttl)
		}
		if next == "" || len(a.addrs) > 0 {
			return
		}
		at = next
	}
}

// nameOf is n in lower case, without the dot at its end. Resolvers mix cases so
// that answers are harder to forge.
func nameOf(n dnsmessage.Name) string {
	b := n.Data[:n.Length]
	if len(b) > 0 && b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
