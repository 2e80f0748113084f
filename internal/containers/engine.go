package containers

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/client"

	"tcptop/internal/conn"
)

// engine tells of the containers of Docker, and of Podman, which speaks the same. The
// official client costs 1.3 MB and knows which version of the API each of them has.
func engine(ctx context.Context, socket string, found func(conn.Container), listed func()) error {
	c, err := client.New(client.WithHost("unix://" + socket))
	if err != nil {
		return fmt.Errorf("engine at %s: %w", socket, err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := listEngine(ctx, c, found); err != nil {
		return err
	}
	listed()
	// A name is known before the container starts.
	events := c.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("type", "container").Add("event", "create", "start", "rename")})
	// Some may have come between the two.
	if err := listEngine(ctx, c, found); err != nil {
		return err
	}
	for {
		select {
		case e := <-events.Messages:
			says := conn.Container{ID: e.Actor.ID, Image: e.Actor.Attributes["image"]}
			labelled(&says, e.Actor.Attributes)
			if says.Name == "" {
				says.Name = e.Actor.Attributes["name"]
			}
			found(says)
		case err := <-events.Err:
			return fmt.Errorf("engine's events: %w", err)
		}
	}
}

func listEngine(ctx context.Context, c *client.Client, found func(conn.Container)) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	all, err := c.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return fmt.Errorf("engine's containers: %w", err)
	}
	for i := range all.Items {
		one := &all.Items[i]
		says := conn.Container{ID: one.ID, Image: one.Image}
		labelled(&says, one.Labels)
		if says.Name == "" && len(one.Names) > 0 {
			says.Name = strings.TrimPrefix(one.Names[0], "/")
		}
		found(says)
	}
	return nil
}
