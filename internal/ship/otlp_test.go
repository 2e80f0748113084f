package ship

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"tcptop/internal/column"
	"tcptop/internal/flow"
	"tcptop/internal/testkit"
	"tcptop/internal/testkit/records"
)

func lines(rs []flow.Record) (b []byte) {
	schema := flow.NewSchema(column.New())
	for i := range rs {
		b = schema.Append(b, &rs[i], 1e18, uint64(i+1))
	}
	return b
}

func TestOTLP(t *testing.T) {
	target, err := ParseTarget("otlp+https://collector.example/base")
	if err != nil {
		t.Fatal(err)
	}
	o := &otlp{target: target, fields: flow.NewSchema(column.New()).Fields(), version: "1.2"}
	all := records.NewHost().Interval()[2:]
	all = append(all, flow.Dropped(records.Begin.Add(time.Second), "web-1", "spool_full", flow.Sums{Records: 1, Moved: flow.Moved{RxBytes: 1 << 63}}))
	r, err := o.request(t.Context(), "", lines(all))
	if err != nil {
		t.Fatal(err)
	}
	if r.URL.String() != "https://collector.example:4318/base/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("%v %v", r.URL, r.Header)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var got collectorpb.ExportLogsServiceRequest
	if err := proto.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(prototext.MarshalOptions{Multiline: true}.Format(&got), ":  ", ": ") // its spaces are random
	testkit.Golden(t, "testdata/otlp.txt", []byte(text))
}

// What a collector says it does not keep is counted, and not sent again.
func TestPartialSuccess(t *testing.T) {
	body, err := proto.Marshal(&collectorpb.ExportLogsServiceResponse{PartialSuccess: &collectorpb.ExportLogsPartialSuccess{RejectedLogRecords: 3, ErrorMessage: "too old"}})
	if err != nil {
		t.Fatal(err)
	}
	a := (&otlp{}).understand(answer{}, http.Header{}, body)
	if a.verdict != stored || a.lost != 3 || a.err == nil {
		t.Errorf("%+v", a)
	}
	for _, body := range []string{"", "{}", "\xff\xff"} {
		if a := (&otlp{}).understand(answer{}, http.Header{}, []byte(body)); a.lost != 0 || a.err != nil {
			t.Errorf("%q: %+v", body, a)
		}
	}
}
