-- One row for every accepted event, whatever became of it. The table is also the sinks' ledger: a partition's highest
-- source_offset says how far it is stored, and block_first which block that was.
-- Partitioned by the raw record's time, so that a block, which is of one raw record or more of one month, is one part.
-- No personal column stands in a key: visitor_id is a keyed hash.
CREATE TABLE IF NOT EXISTS sluice.event_log$on_cluster
(
    project          LowCardinality(String)         COMMENT 'project whose key sent the event',
    api              LowCardinality(String)         COMMENT 'API it came by: pulse, events, ingest, client, user_event',
    event_type       LowCardinality(String)         COMMENT 'what happened, in the sender''s words',
    event_id         UUID                           COMMENT 'id that the gateway gave the event (UUID version 7)',
    timestamp        DateTime64(3, 'UTC')           COMMENT 'when it happened, says the sender',
    received_at      DateTime64(3, 'UTC')           COMMENT 'when the gateway took it',
    request_id       String                         COMMENT 'HTTP request that carried it (X-Request-Id)',
    site_id          LowCardinality(String)         COMMENT 'site within the project',
    user_id          String                         COMMENT 'known user, empty where anonymous',
    visitor_id       UInt64                         COMMENT 'keyed hash of the user, else of the anonymous id; 0 without either',
    anonymous_id     String                         COMMENT 'device or browser, as the sender names it',
    session_id       String                         COMMENT 'session, as the sender names it',
    url              String CODEC(ZSTD(1))          COMMENT 'page or resource',
    page_title       String CODEC(ZSTD(1))          COMMENT 'title of the page',
    referrer         String CODEC(ZSTD(1))          COMMENT 'page that led here',
    utm_source       LowCardinality(String)         COMMENT 'campaign parameter utm_source',
    utm_medium       LowCardinality(String)         COMMENT 'campaign parameter utm_medium',
    utm_campaign     LowCardinality(String)         COMMENT 'campaign parameter utm_campaign',
    country          LowCardinality(String)         COMMENT 'ISO 3166-1 alpha-2, upper case',
    device_type      LowCardinality(String)         COMMENT 'desktop, mobile or tablet',
    browser          LowCardinality(String)         COMMENT 'name of the browser',
    os               LowCardinality(String)         COMMENT 'name of the operating system',
    ip               String                         COMMENT 'client''s address; empty where consent is denied',
    user_agent       String CODEC(ZSTD(1))          COMMENT 'client''s User-Agent header',
    consent          LowCardinality(String)         COMMENT 'unknown, denied or granted',
    order_id         String                         COMMENT 'order of a confirmation',
    value            Nullable(Float64)              COMMENT 'amount, in units of currency',
    currency         LowCardinality(String)         COMMENT 'ISO 4217',
    properties       Map(String, String) CODEC(ZSTD(1)) COMMENT 'everything else; nested values as JSON text',
    payload          String CODEC(ZSTD(1))          COMMENT 'the event as it was sent',
    outcome          LowCardinality(String)         COMMENT 'stored, duplicate, throttled, bot or invalid',
    stage            LowCardinality(String)         COMMENT 'where it was rejected: processor or sink; empty if stored',
    reason           String CODEC(ZSTD(1))          COMMENT 'why it was rejected, for people',
    duplicate_of     Nullable(UUID)                 COMMENT 'event_id of the first one, where this one lost to it',
    replay           UInt16                         COMMENT 'how often this event was sent in again',
    source_topic     UUID                           COMMENT 'Kafka''s id of the topic events.raw it stood on',
    source_partition UInt32                         COMMENT 'partition of events.raw',
    source_offset    UInt64 CODEC(Delta, ZSTD(1))   COMMENT 'offset of its record on events.raw',
    source_line      UInt32 CODEC(Delta, ZSTD(1))   COMMENT 'line within the record, from 0',
    source_timestamp DateTime64(3, 'UTC')           COMMENT 'time of its record on events.raw',
    block_first      UInt64                         COMMENT 'first source_offset of the block it was inserted with',

    INDEX by_source_offset source_offset TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(source_timestamp)
ORDER BY (project, site_id, toDate(timestamp), event_type, visitor_id, timestamp)
SETTINGS $deduplication_window
COMMENT 'every accepted event with its outcome; ask the views events and rejected_events';

CREATE VIEW IF NOT EXISTS sluice.events$on_cluster AS
SELECT * EXCEPT (outcome, stage, reason, duplicate_of, block_first)
FROM sluice.event_log
WHERE outcome = 'stored'
COMMENT 'stored events: what analysts query';

CREATE VIEW IF NOT EXISTS sluice.rejected_events$on_cluster AS
SELECT * EXCEPT (block_first)
FROM sluice.event_log
WHERE outcome != 'stored'
COMMENT 'accepted events that were not stored, each with its reason';
