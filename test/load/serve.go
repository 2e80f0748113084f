package main

import (
	"context"
	"encoding/binary"
	"flag"
	"io"
	"net"
)

// A request of ask begins with its own length and that of the answer, in bytes.
const askHeader = 8

// serve answers what ask asks, or takes its datagrams, at an address that others reach.
type serve struct{ told }

func serveMain(args []string, c *console) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	comm := fs.String("comm", "serve", "name of the process")
	at := fs.String("at", "127.0.0.1:0", "address to listen on")
	udp := fs.Bool("udp", false, "take datagrams")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := rename(*comm); err != nil { // before it has sockets
		return err
	}
	s := &serve{}
	s.work = func(ctx context.Context) error { <-ctx.Done(); return nil }
	if *udp {
		l, err := net.ListenPacket("udp4", *at)
		if err != nil {
			return err
		}
		go s.take(l)
		return s.run(c)
	}
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp4", *at)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.answer(conn)
		}
	}()
	return s.run(c)
}

func (s *serve) take(l net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := l.ReadFrom(buf)
		if err != nil {
			return
		}
		s.rx.Add(int64(n))
	}
}

// answer answers requests until the client closes.
func (s *serve) answer(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, chunk)
	for {
		if _, err := io.ReadFull(conn, buf[:askHeader]); err != nil {
			return
		}
		size, reply := int64(binary.BigEndian.Uint32(buf)), int64(binary.BigEndian.Uint32(buf[4:]))
		if err := readN(conn, buf, size-askHeader); err != nil {
			return
		}
		// Before the client has the answer, and may be the last to tell what it moved.
		s.rx.Add(size)
		s.tx.Add(reply)
		if err := writeN(conn, buf, reply); err != nil {
			return
		}
	}
}

func readN(r io.Reader, buf []byte, n int64) error {
	for n > 0 {
		k, err := r.Read(buf[:min(n, int64(len(buf)))])
		if n -= int64(k); n > 0 && err != nil {
			return err
		}
	}
	return nil
}

func writeN(w io.Writer, buf []byte, n int64) error {
	for n > 0 {
		k, err := w.Write(buf[:min(n, int64(len(buf)))])
		if n -= int64(k); err != nil {
			return err
		}
	}
	return nil
}
