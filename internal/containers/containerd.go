package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	eventtypes "github.com/containerd/containerd/api/events"
	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"tcptop/internal/conn"
)

// dial opens a socket of gRPC; no proxy and no name service is asked.
func dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig())
}

// containerd tells of the containers of all namespaces of containerd (its own, Docker's
// and Kubernetes'), by its services containers, events and namespaces. Those are a small
// module of their own; the whole client would bring three hundred more packages.
func containerd(ctx context.Context, socket string, found func(conn.Container), listed func()) error {
	cc, err := dial(socket)
	if err != nil {
		return fmt.Errorf("containerd at %s: %w", socket, err)
	}
	defer cc.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Before the list, so that none is missed between the two.
	stream, err := eventsapi.NewEventsClient(cc).Subscribe(ctx, &eventsapi.SubscribeRequest{Filters: []string{`topic=="/containers/create"`, `topic=="/containers/update"`}})
	if err != nil {
		return fmt.Errorf("containerd's events: %w", err)
	}
	c := containersapi.NewContainersClient(cc)
	if err := listContainerd(ctx, cc, c, found); err != nil {
		return err
	}
	listed()
	for {
		e, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("containerd's events: %w", err)
		}
		var made eventtypes.ContainerCreate
		if e.GetEvent().UnmarshalTo(&made) != nil {
			continue // an update, or what a later version tells
		}
		getContainerd(ctx, c, e.GetNamespace(), &made, found)
	}
}

// getContainerd asks for the labels of a new container; gone already, it still has its
// id and image.
func getContainerd(ctx context.Context, c containersapi.ContainersClient, namespace string, made *eventtypes.ContainerCreate, found func(conn.Container)) {
	ctx, cancel := context.WithTimeout(in(ctx, namespace), answerWithin)
	defer cancel()
	got, err := c.Get(ctx, &containersapi.GetContainerRequest{ID: made.GetID()})
	if err != nil {
		found(fromContainerd(&containersapi.Container{ID: made.GetID(), Image: made.GetImage()}))
		return
	}
	found(fromContainerd(got.GetContainer()))
}

// in chooses a namespace of containerd.
func in(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)
}

func listContainerd(ctx context.Context, cc *grpc.ClientConn, c containersapi.ContainersClient, found func(conn.Container)) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	spaces, err := namespacesapi.NewNamespacesClient(cc).List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return fmt.Errorf("containerd's namespaces: %w", err)
	}
	for _, space := range spaces.GetNamespaces() {
		// One by one: the specs of all would be many megabytes.
		all, err := c.ListStream(in(ctx, space.GetName()), &containersapi.ListContainersRequest{})
		for err == nil {
			var one *containersapi.ListContainerMessage
			if one, err = all.Recv(); err == nil {
				found(fromContainerd(one.GetContainer()))
			}
		}
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("containerd's containers: %w", err)
		}
	}
	return nil
}

// Labels that Kubernetes' runtimes and nerdctl(1) put on containers.
const (
	labelName      = "io.kubernetes.container.name"
	labelPod       = "io.kubernetes.pod.name"
	labelPodUID    = "io.kubernetes.pod.uid"
	labelNamespace = "io.kubernetes.pod.namespace"
	labelNerdctl   = "nerdctl/name"
)

func fromContainerd(c *containersapi.Container) conn.Container {
	r := conn.Container{ID: c.GetID(), Image: c.GetImage()}
	labelled(&r, c.GetLabels())
	if r.Name == "" {
		r.Name = c.GetLabels()[labelNerdctl]
	}
	if !isHexID(r.ID) { // somebody's choice
		if r.Name == "" {
			r.Name = r.ID
		}
		r.Cgroup = cgroupOf(c.GetSpec().GetValue())
	}
	return r
}

// labelled takes what Kubernetes' labels say.
func labelled(c *conn.Container, labels map[string]string) {
	c.Name, c.Pod, c.PodUID, c.Namespace = labels[labelName], labels[labelPod], labels[labelPodUID], labels[labelNamespace]
}

// cgroupOf is the path in a spec of the Open Container Initiative, "" where it has none
// or has one for systemd's driver.
func cgroupOf(spec []byte) string {
	var s struct {
		Linux struct {
			CgroupsPath string `json:"cgroupsPath"`
		} `json:"linux"`
	}
	if json.Unmarshal(spec, &s) != nil || !strings.HasPrefix(s.Linux.CgroupsPath, "/") {
		return ""
	}
	return s.Linux.CgroupsPath
}

// isHexID reports whether an id is made up by a runtime.
func isHexID(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}
