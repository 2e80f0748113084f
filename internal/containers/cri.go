package containers

import (
	"context"
	"fmt"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tcptop/internal/conn"
)

// criEvery is how often a runtime that tells of no events is asked, half as often as the
// kubelet does (PLEG). One keeps containers that have ended for a minute at least.
const criEvery = 2 * time.Second

// cri tells of the containers of Kubernetes, by its Container Runtime Interface.
func cri(ctx context.Context, socket string, found func(conn.Container), listed func()) error {
	cc, err := dial(socket)
	if err != nil {
		return fmt.Errorf("CRI at %s: %w", socket, err)
	}
	defer cc.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := runtimeapi.NewRuntimeServiceClient(cc)
	known := map[string]bool{}
	list := func() error { return listCRI(ctx, c, known, found) }
	if err := list(); err != nil {
		return err
	}
	listed()
	news := criEvents(ctx, c)
	every := time.NewTicker(criEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		case <-every.C:
		}
		if err := list(); err != nil {
			return err
		}
	}
}

// criEvents has something whenever a container comes or goes, if the runtime tells
// (Kubernetes 1.26; CRI-O's enable_pod_events).
func criEvents(ctx context.Context, c runtimeapi.RuntimeServiceClient) <-chan struct{} {
	news := make(chan struct{}, 1)
	stream, err := c.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
	if err != nil {
		return news
	}
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				return
			}
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}()
	return news
}

// listCRI tells of those that are not known yet; known is then those that there are.
func listCRI(ctx context.Context, c runtimeapi.RuntimeServiceClient, known map[string]bool, found func(conn.Container)) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	all, err := c.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return fmt.Errorf("CRI's containers: %w", err)
	}
	was := len(known)
	there := make(map[string]bool, was)
	for _, one := range all.GetContainers() {
		there[one.GetId()] = true
		if !known[one.GetId()] {
			found(fromCRI(one))
		}
	}
	clear(known)
	for id := range there {
		known[id] = true
	}
	return nil
}

func fromCRI(c *runtimeapi.Container) conn.Container {
	r := conn.Container{ID: c.GetId()}
	labelled(&r, c.GetLabels())
	if r.Name == "" {
		r.Name = c.GetMetadata().GetName()
	}
	// As the pod has it; the others may be digests.
	for _, image := range []string{c.GetImage().GetUserSpecifiedImage(), c.GetImage().GetImage(), c.GetImageRef()} {
		if r.Image == "" {
			r.Image = image
		}
	}
	return r
}
