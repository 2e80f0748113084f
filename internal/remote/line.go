package remote

// line is one line of the stream: a row by the names of its fields, or the end of a tick.
// A pointer is nil where the field is null or not there. What column.Column derives from
// other fields is not read.
type line struct {
	TS     *string `json:"ts"`
	Event  string  `json:"event"`
	Schema *int64  `json:"schema"`

	Conn        string  `json:"conn"`
	Proto       string  `json:"proto"`
	State       string  `json:"state"`
	Dir         string  `json:"dir"`
	Laddr       string  `json:"laddr"`
	Lport       uint16  `json:"lport"`
	Raddr       *string `json:"raddr"`
	Rport       uint16  `json:"rport"`
	RName       string  `json:"rname"`
	RNameFrom   string  `json:"rname_source"`
	ASN         uint32  `json:"asn"`
	ASOrg       string  `json:"as_org"`
	Country     string  `json:"country"`
	NetNS       uint32  `json:"netns"`
	NetNSName   string  `json:"netns_name"`
	Iface       string  `json:"iface"`
	PID         uint32  `json:"pid"`
	Comm        string  `json:"comm"`
	Cmdline     string  `json:"cmdline"`
	Exe         string  `json:"exe"`
	UID         *uint32 `json:"uid"`
	User        string  `json:"user"`
	Owners      *uint16 `json:"owners"`
	OwnerFrom   string  `json:"owner_source"`
	Cgroup      string  `json:"cgroup"`
	Unit        string  `json:"unit"`
	Slice       string  `json:"slice"`
	Session     string  `json:"session"`
	Container   string  `json:"container"`
	ContainerID string  `json:"container_id"`
	Image       string  `json:"image"`
	Pod         string  `json:"pod"`
	Namespace   string  `json:"namespace"`

	RxBytes   *uint64 `json:"rx_bytes"`
	TxBytes   *uint64 `json:"tx_bytes"`
	RxPackets *uint64 `json:"rx_packets"`
	TxPackets *uint64 `json:"tx_packets"`
	RxRate    *uint64 `json:"rx_rate"`
	TxRate    *uint64 `json:"tx_rate"`

	RTT          uint32  `json:"rtt_us"`
	RTTVar       uint32  `json:"rttvar_us"`
	MinRTT       uint32  `json:"min_rtt_us"`
	Retrans      *uint32 `json:"retrans_packets"`
	RetransBytes uint64  `json:"retrans_bytes"`
	Lost         uint32  `json:"lost_packets"`
	Reordered    uint32  `json:"reordered_packets"`
	CE           uint32  `json:"ce_packets"`
	Cwnd         *uint32 `json:"cwnd"`
	Ssthresh     *uint32 `json:"ssthresh"`
	MSS          uint32  `json:"mss"`
	CC           string  `json:"cc"`
	CAState      string  `json:"ca_state"`
	ECN          bool    `json:"ecn"`
	AppLimited   bool    `json:"app_limited"`
	PacingRate   uint64  `json:"pacing_rate"`
	DeliveryRate uint64  `json:"delivery_rate"`
	SndWnd       uint32  `json:"snd_wnd"`
	RcvWnd       *uint32 `json:"rcv_wnd"`

	SendQueue  *uint32 `json:"send_queue"`
	Unsent     uint32  `json:"unsent_bytes"`
	RecvQueue  uint32  `json:"recv_queue"`
	Busy       uint64  `json:"busy_ms"`
	Rwnd       uint64  `json:"rwnd_limited_ms"`
	Sndbuf     uint64  `json:"sndbuf_limited_ms"`
	ZeroWindow uint64  `json:"zero_window_ms"`
	Probes     uint8   `json:"probes"`
	RecvBuffer *uint32 `json:"recv_buffer"`
	Backlog    *uint32 `json:"backlog"`
	BacklogMax uint32  `json:"backlog_max"`
	Drops      *uint32 `json:"drops"`
	SendErrors *uint32 `json:"send_errors"`

	Accepts    *uint64 `json:"accepts"`
	AcceptRate uint64  `json:"accept_rate"`
	AcceptP50  uint32  `json:"accept_p50_us"`
	AcceptP99  uint32  `json:"accept_p99_us"`
	SYNQueue   uint32  `json:"syn_queue"`
	SYNFlood   bool    `json:"syn_flood"`
	Overflows  *uint32 `json:"listen_overflows"`
	NSDrops    uint32  `json:"listen_drops"`
	Cookies    uint32  `json:"syncookies_sent"`

	Limit string `json:"limit"`
	Share uint8  `json:"limit_share"`

	Age        *int64 `json:"age_ms"`
	Idle       *int64 `json:"idle_ms"`
	Connect    uint32 `json:"connect_us"`
	Accept     uint32 `json:"accept_us"`
	SYNRetries uint32 `json:"syn_retries"`
	Reason     string `json:"close_reason"`
	Detail     string `json:"close_detail"`
	Errno      string `json:"errno"`

	Partial bool   `json:"partial"`
	Source  string `json:"source"`

	// Of the line that ends a tick.
	Version string            `json:"version"`
	Mono    int64             `json:"mono_ns"`
	First   bool              `json:"first"`
	Rows    *int              `json:"rows"`
	Unseen  uint64            `json:"not_shown"`
	Losses  map[string]uint64 `json:"lost"`
	Faults  []string          `json:"faults"`
	Missing []string          `json:"missing"`
}
