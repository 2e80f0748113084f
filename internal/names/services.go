package names

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"tcptop/internal/conn"
)

// Services reads the names of ports from a file (services(5)); nil where there is none.
func Services(path string) func(conn.Proto, uint16) string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	names := parseServices(f)
	return func(proto conn.Proto, port uint16) string {
		if proto == 0 {
			proto = conn.TCP
		}
		return names[service{proto, port}]
	}
}

type service struct {
	proto conn.Proto
	port  uint16
}

// parseServices reads lines such as "https 443/tcp"; of several names the first stays.
func parseServices(r io.Reader) map[service]string {
	names := make(map[service]string)
	for lines := bufio.NewScanner(io.LimitReader(r, maxFile)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, word, _ := strings.Cut(fields[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		proto := map[string]conn.Proto{"tcp": conn.TCP, "udp": conn.UDP}[word]
		if key := (service{proto, uint16(port)}); err == nil && proto != 0 && names[key] == "" {
			names[key] = fields[0]
		}
	}
	return names
}
