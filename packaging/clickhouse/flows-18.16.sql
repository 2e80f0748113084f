-- The tables that `tcptop agent --flows clickhouse+https://HOST` fills, for ClickHouse 18.16, as Debian has it: without codecs, times
-- of less than a second, TTL and tokens of inserts; what came twice is left out by LIMIT 1 BY host, epoch, seq.
-- docs/fleet.md says what a record is. What is missing is '', 0 or, where these mean something, NULL.
CREATE DATABASE IF NOT EXISTS tcptop;

CREATE TABLE IF NOT EXISTS tcptop.flows
(
    ts              DateTime,
    host            String,
    epoch           UInt64,
    seq             UInt64,
    interval_ms     UInt32,
    kind            String,
    reason          String,
    conns           UInt64,
    records         UInt64,
    conn            String,
    proto           String,
    state           String,
    dir             String,
    laddr           String,
    lport           UInt16,
    raddr           String,
    rport           UInt16,
    server_port     UInt16,
    rname           String,
    netns           UInt32,
    iface           String,
    pid             UInt32,
    comm            String,
    exe             String,
    uid             Nullable(UInt32),
    user            String,
    unit            String,
    container       String,
    image           String,
    pod             String,
    namespace       String,
    rx_bytes        UInt64,
    tx_bytes        UInt64,
    rx_packets      Nullable(UInt64),
    tx_packets      Nullable(UInt64),
    retrans_bytes   Nullable(UInt64),
    retrans_packets Nullable(UInt64),
    rtt_us          Nullable(UInt32),
    min_rtt_us      Nullable(UInt32),
    limit           String,
    opened          Nullable(DateTime),
    close_reason    String,
    errno           String,
    partial         UInt8,
    source          String
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (toStartOfMinute(ts), host, comm, server_port, conn);
