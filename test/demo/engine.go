package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// engine is where Prometheus answers, on the router and nowhere else.
const engine = "127.0.0.1:9090"

func (d *demo) startEngine() error {
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: tcptop\n  static_configs:\n")
	for i, h := range d.hosts {
		fmt.Fprintf(&config, "  - {targets: ['%s:9432'], labels: {instance: %s}}\n", address(i), h.name)
	}
	file := filepath.Join(d.dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return err
	}
	return d.spawn(d.router, "prometheus", exec.Command(d.prometheus, "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(d.dir, "data"), "--web.listen-address="+engine))
}

// ask asks the engine, from the router, for one number for each process of each host.
func (d *demo) ask(expr string) (map[process]int, error) {
	dial := func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		err = d.router.do(func() error {
			c, err = new(net.Dialer).DialContext(ctx, network, addr)
			return err
		})
		return c, err
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.PostForm("http://"+engine+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	all := map[process]int{}
	for _, r := range answer.Data.Result {
		n, err := strconv.Atoi(fmt.Sprint(r.Value[1]))
		if err != nil {
			return nil, err
		}
		all[process{r.Metric["instance"], r.Metric["process_executable_name"]}] = n
	}
	return all, nil
}

func (d *demo) knowsAgents() error {
	all, err := d.ask("count by (instance) (tcptop_tick_timestamp_seconds > 0)")
	if err == nil && len(all) != len(d.hosts) {
		err = fmt.Errorf("agents on %v", all)
	}
	return err
}

func (d *demo) knowsGroups() error {
	all, err := d.ask("count by (instance, process_executable_name) (tcptop_group_connections)")
	err = errors.Join(err, reach("groups", all, groups()))
	all, askErr := d.ask(`sum by (instance, process_executable_name) (tcptop_group_connections{network_transport="tcp"})`)
	return errors.Join(err, askErr, reach("connections", all, conns()))
}

func reach(what string, have, want map[process]int) (err error) {
	for p, n := range want {
		if have[p] < n {
			err = errors.Join(err, fmt.Errorf("%v has %d %s of %d", p, have[p], what, n))
		}
	}
	return err
}
