package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"tcptop/internal/flow"
)

// otlp sends log records (OTLP/HTTP, protobuf). The SDK's exporter is not used: it drops
// what its queue has no room for, and knows of no segments.
type otlp struct {
	target  *Target
	fields  []flow.Field
	version string
}

func (o *otlp) request(ctx context.Context, _ string, lines []byte) (*http.Request, error) {
	b, err := o.encode(lines)
	if err != nil {
		return nil, err
	}
	return post(ctx, o.target.url.String(), "application/x-protobuf", b)
}

// encode makes log records of lines.
func (o *otlp) encode(lines []byte) ([]byte, error) {
	scope := &logspb.ScopeLogs{Scope: &commonpb.InstrumentationScope{Name: "tcptop", Version: o.version}}
	host := ""
	for line := range bytes.Lines(lines) {
		var values map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			return nil, fmt.Errorf("a line of a segment: %w", err)
		}
		host, _ = values["host"].(string)
		scope.LogRecords = append(scope.LogRecords, o.record(values))
	}
	return proto.Marshal(&collectorpb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("host.name", host), text("service.name", "tcptop"), text("service.instance.id", host)}},
		ScopeLogs: []*logspb.ScopeLogs{scope},
	}}})
}

func (o *otlp) record(values map[string]any) *logspb.LogRecord {
	r := &logspb.LogRecord{EventName: "tcptop.flow", SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_INFO}
	for i := range o.fields {
		f := &o.fields[i]
		switch v := values[f.Name].(type) {
		case string:
			if f.Name == "ts" {
				if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
					r.TimeUnixNano = uint64(at.UnixNano())
					r.ObservedTimeUnixNano = r.TimeUnixNano
				}
				continue
			}
			if f.Name != "host" {
				r.Attributes = append(r.Attributes, text(f.Attr, v))
			}
		case json.Number:
			r.Attributes = append(r.Attributes, number(f.Attr, v))
		case bool:
			r.Attributes = append(r.Attributes, &commonpb.KeyValue{Key: f.Attr, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}})
		}
	}
	return r
}

func text(key, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

// number is v, which has no sign; what int64 has no room for is text.
func number(key string, v json.Number) *commonpb.KeyValue {
	n, err := v.Int64()
	if err != nil {
		return text(key, v.String())
	}
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}}
}

// understand finds what a collector has taken only in part. It must not be sent again
// (OTLP, "Partial Success").
func (o *otlp) understand(a answer, _ http.Header, body []byte) answer {
	var resp collectorpb.ExportLogsServiceResponse
	if a.verdict != stored || proto.Unmarshal(body, &resp) != nil {
		return a
	}
	if n := resp.GetPartialSuccess().GetRejectedLogRecords(); n > 0 {
		a.lost = uint64(n)
		a.err = fmt.Errorf("%d records are not taken: %s", n, excerpt([]byte(resp.GetPartialSuccess().GetErrorMessage())))
	}
	return a
}
