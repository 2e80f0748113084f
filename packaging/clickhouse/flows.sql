-- The tables that `tcptop agent --flows clickhouse+https://HOST` fills, for ClickHouse 23.8 and later.
-- docs/fleet.md says what a record is. What is missing is '', 0 or, where these mean something, NULL.
CREATE DATABASE IF NOT EXISTS tcptop;

CREATE TABLE IF NOT EXISTS tcptop.flows
(
    ts              DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    host            LowCardinality(String),
    epoch           UInt64 CODEC(T64, ZSTD(1)),
    seq             UInt64 CODEC(Delta, ZSTD(1)),
    interval_ms     UInt32 CODEC(T64, ZSTD(1)),
    kind            LowCardinality(String),
    reason          LowCardinality(String),
    conns           UInt64 CODEC(T64, ZSTD(1)),
    records         UInt64 CODEC(T64, ZSTD(1)),
    conn            String CODEC(ZSTD(1)),
    proto           LowCardinality(String),
    state           LowCardinality(String),
    dir             LowCardinality(String),
    laddr           IPv6 CODEC(ZSTD(1)),
    lport           UInt16,
    raddr           IPv6 CODEC(ZSTD(1)),
    rport           UInt16,
    server_port     UInt16,
    rname           LowCardinality(String),
    netns           UInt32 CODEC(T64, ZSTD(1)),
    iface           LowCardinality(String),
    pid             UInt32 CODEC(T64, ZSTD(1)),
    comm            LowCardinality(String),
    exe             LowCardinality(String),
    uid             Nullable(UInt32),
    user            LowCardinality(String),
    unit            LowCardinality(String),
    container       LowCardinality(String),
    image           LowCardinality(String),
    pod             LowCardinality(String),
    namespace       LowCardinality(String),
    rx_bytes        UInt64 CODEC(T64, ZSTD(1)),
    tx_bytes        UInt64 CODEC(T64, ZSTD(1)),
    rx_packets      Nullable(UInt64) CODEC(ZSTD(1)),
    tx_packets      Nullable(UInt64) CODEC(ZSTD(1)),
    retrans_bytes   Nullable(UInt64) CODEC(ZSTD(1)),
    retrans_packets Nullable(UInt64) CODEC(ZSTD(1)),
    rtt_us          Nullable(UInt32) CODEC(ZSTD(1)),
    min_rtt_us      Nullable(UInt32) CODEC(ZSTD(1)),
    limit           LowCardinality(String),
    opened          Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    close_reason    LowCardinality(String),
    errno           LowCardinality(String),
    partial         UInt8,
    source          LowCardinality(String),
    INDEX remote raddr TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
PRIMARY KEY (toStartOfMinute(ts), host)
ORDER BY (toStartOfMinute(ts), host, comm, server_port, conn)
TTL toDateTime(ts) + INTERVAL 3 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

-- By the minute, without addresses, ports of clients and processes: small enough for months.
CREATE TABLE IF NOT EXISTS tcptop.flows_1m
(
    minute          DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    host            LowCardinality(String),
    comm            LowCardinality(String),
    unit            LowCardinality(String),
    container       LowCardinality(String),
    namespace       LowCardinality(String),
    rname           LowCardinality(String),
    server_port     UInt16,
    proto           LowCardinality(String),
    dir             LowCardinality(String),
    reason          LowCardinality(String),
    rx_bytes        SimpleAggregateFunction(sum, UInt64),
    tx_bytes        SimpleAggregateFunction(sum, UInt64),
    rx_packets      SimpleAggregateFunction(sum, UInt64),
    tx_packets      SimpleAggregateFunction(sum, UInt64),
    retrans_packets SimpleAggregateFunction(sum, UInt64),
    max_rtt_us      SimpleAggregateFunction(max, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, host, comm, unit, container, namespace, rname, server_port, proto, dir, reason)
TTL minute + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS tcptop.flows_1m_mv TO tcptop.flows_1m AS
SELECT toDateTime(toStartOfMinute(ts), 'UTC') AS minute, host, comm, unit, container, namespace, rname, server_port, proto, dir, reason,
    sum(rx_bytes) AS rx_bytes, sum(tx_bytes) AS tx_bytes, sum(ifNull(rx_packets, 0)) AS rx_packets, sum(ifNull(tx_packets, 0)) AS tx_packets,
    sum(ifNull(retrans_packets, 0)) AS retrans_packets, max(ifNull(rtt_us, 0)) AS max_rtt_us
FROM tcptop.flows
GROUP BY minute, host, comm, unit, container, namespace, rname, server_port, proto, dir, reason;
