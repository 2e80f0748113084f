package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// peerPackages are Debian's names of the tools that others have for this.
var peerPackages = []string{"iproute2", "nethogs", "iftop", "iptraf-ng", "tcptrack"}

// installPeers tries; what can't be had is a row that says so.
func installPeers(ctx context.Context) {
	var missing []string
	for _, name := range peerPackages {
		if packageVersion(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return
	}
	fmt.Println("apt-get install", strings.Join(missing, " "))
	for _, name := range missing {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		cmd := exec.CommandContext(ctx, "apt-get", "install", "-q", "-y", "--no-install-recommends", name)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Printf("   %s: %v\n%s", name, err, out)
		}
		cancel()
	}
}

func packageVersion(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Status} ${Version}", name).Output()
	version, ok := strings.CutPrefix(string(out), "install ok installed ")
	if err != nil || !ok {
		return ""
	}
	return version
}

func peerVersions() string {
	var have []string
	for _, name := range peerPackages {
		if v := packageVersion(name); v != "" {
			have = append(have, name+" "+v)
		}
	}
	return strings.Join(have, ", ")
}

// soakSeconds is an hour where somebody asks for it.
func soakSeconds() string {
	if s := os.Getenv("TCPTOP_SOAK_SECONDS"); s != "" {
		return s
	}
	return "60"
}

func soakLimit() time.Duration {
	seconds, err := strconv.ParseFloat(soakSeconds(), 64)
	if err != nil {
		seconds = 60
	}
	return time.Duration(seconds)*time.Second + 5*time.Minute
}
