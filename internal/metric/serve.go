package metric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
	"golang.org/x/net/netutil"
)

// ServeConfig says where is listened, and for whom.
type ServeConfig struct {
	Addr     string // HOST:PORT; without HOST this machine alone
	File     string // exporter-toolkit's configuration: TLS, users, client certificates; "" is none
	Insecure bool   // others are answered without both
}

// Server answers at a listener.
type Server struct {
	listener net.Listener
	server   *http.Server
	file     string
}

// OpenError says that an address is not to be listened on as it is asked for.
type OpenError struct{ Lacks string }

func (e *OpenError) Error() string {
	return "others can reach this address, and there is no " + e.Lacks
}

// Listen opens the listener; nobody is answered yet.
func Listen(cfg ServeConfig, handler http.Handler) (*Server, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if err := web.Validate(cfg.File); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.File, err)
	}
	if !addr.IP.IsLoopback() && !cfg.Insecure {
		if err := guarded(cfg.File); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Server{listener: netutil.LimitListener(listener, maxConns), file: cfg.File, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 14, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}, nil
}

// maxConns bounds how many connections are served at once; more wait.
const maxConns = 64

// guarded returns an error unless file has TLS, and users or client certificates.
func guarded(file string) error {
	if file == "" {
		return &OpenError{"TLS"}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var cfg web.Config
	if err := yaml.Unmarshal(text, &cfg); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	switch t := &cfg.TLSConfig; {
	case t.TLSCert == "" && t.TLSCertPath == "":
		return &OpenError{"TLS in " + file}
	case len(cfg.Users) == 0 && t.ClientAuth != "RequireAndVerifyClientCert":
		return &OpenError{"authentication in " + file + " (basic_auth_users, or client_auth_type: RequireAndVerifyClientCert)"}
	}
	return nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers until Close; certificates and users are read again when they change.
func (s *Server) Run() error {
	err := web.Serve(s.listener, s.server, &web.FlagConfig{WebConfigFile: &s.file}, slog.New(slog.DiscardHandler))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops to listen, and waits for who is being answered as long as ctx does.
func (s *Server) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close()
	}
	if closing := s.listener.Close(); !errors.Is(closing, net.ErrClosed) { // it never ran
		err = errors.Join(err, closing)
	}
	return err
}
