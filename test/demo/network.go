package main

import "fmt"

// outside is where those who ask the web servers are. It is an address for documentation
// (RFC 5737), which agents tell as the internet.
const outside = "198.51.100.7"

// names are the hosts that are shown.
var names = []string{"web1", "web2", "api1", "db1"}

// address is that of a host, which is in a network of its own.
func address(host int) string { return fmt.Sprintf("10.9.%d.2", host+1) }

// connect makes the hosts, and a router between them on which the engine and the screen run.
func (d *demo) connect() (err error) {
	if d.router, err = newHost("router"); err != nil {
		return err
	}
	if err := d.router.forward(); err != nil {
		return err
	}
	if err := d.router.ips("link set lo up", "addr add "+outside+"/32 dev lo"); err != nil {
		return err
	}
	for i, name := range names {
		h, err := newHost(name)
		if err != nil {
			return err
		}
		d.hosts = append(d.hosts, h)
		gateway := fmt.Sprintf("10.9.%d.1", i+1)
		if err := d.router.ips("link add "+name+" type veth peer name eth0 netns "+h.path, "addr add "+gateway+"/24 dev "+name, "link set "+name+" up"); err != nil {
			return err
		}
		if err := h.ips("link set lo up", "addr add "+address(i)+"/24 dev eth0", "link set eth0 up", "route add default via "+gateway); err != nil {
			return err
		}
	}
	return nil
}
