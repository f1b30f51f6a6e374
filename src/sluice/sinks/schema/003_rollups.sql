-- Roll-ups: what analysts ask most, added up while events arrive.
-- Sinks feed each block of event_log from the table itself, with its token, into `feed`, and the materialized views
-- on that write to one table each. None hangs on event_log, where it would count blocks that lost a race.
-- With its rows each block brings a marker, one row more of outcome 'fed' that counts nothing: it says in `fed` up to
-- which offset of its raw topic and partition the table has been fed. It stands in the part of the block's rows, so a
-- table that has the marker has the block. A row goes only to the tables that its column `lacking` names.
-- A session, a day or a user may be spread over several rows; the views at the end put them together.

-- Events are asked for by time. The sorting key holds the day, but ClickHouse holds a condition on timestamp against the
-- key's last column, which excludes next to nothing; with these it reads the days that are asked for, and no others.
ALTER TABLE sluice.event_log$on_cluster
    ADD INDEX IF NOT EXISTS by_timestamp timestamp TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_received_at received_at TYPE minmax GRANULARITY 1;

-- Whatever a sink would insert can be tried here first: a row that this table refuses, event_log refuses.
CREATE TABLE IF NOT EXISTS sluice.event_log_trial$on_cluster AS sluice.event_log
ENGINE = Null
COMMENT 'takes what event_log takes and keeps nothing: where sinks find the row that a block is refused for';

CREATE TABLE IF NOT EXISTS sluice.feed$on_cluster
(
    project          LowCardinality(String) COMMENT 'project whose key sent the event',
    api              LowCardinality(String) COMMENT 'API it came by: pulse, events, ingest, client, user_event',
    event_type       LowCardinality(String) COMMENT 'what happened, in the sender''s words',
    timestamp        DateTime64(3, 'UTC')   COMMENT 'when it happened, says the sender',
    received_at      DateTime64(3, 'UTC')   COMMENT 'when the gateway took it',
    site_id          LowCardinality(String) COMMENT 'site within the project',
    user_id          String                 COMMENT 'known user, empty where anonymous',
    visitor_id       UInt64
        COMMENT 'keyed hash of the user, else of the anonymous id; 0 without either',
    session_id       String                 COMMENT 'session, as the sender names it',
    url              String                 COMMENT 'page or resource',
    referrer         String                 COMMENT 'page that led here',
    utm_source       LowCardinality(String) COMMENT 'campaign parameter utm_source',
    utm_medium       LowCardinality(String) COMMENT 'campaign parameter utm_medium',
    utm_campaign     LowCardinality(String) COMMENT 'campaign parameter utm_campaign',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, upper case',
    device_type      LowCardinality(String) COMMENT 'desktop, mobile or tablet',
    browser          LowCardinality(String) COMMENT 'name of the browser',
    os               LowCardinality(String) COMMENT 'name of the operating system',
    value            Nullable(Float64)      COMMENT 'amount, in units of currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    outcome          LowCardinality(String) COMMENT 'stored, duplicate, throttled, bot or invalid',
    changes_user     Bool                   COMMENT 'whether it created its user, or changed one',
    user_email       String                 COMMENT 'address of the user that it changed; empty where none is known',
    user_set         Map(String, String)    COMMENT 'attributes of the user that it set; nested values as JSON text',
    user_unset       Array(String)          COMMENT 'attributes of the user that it removed',
    source_partition UInt32                 COMMENT 'partition of events.raw',
    source_offset    UInt64                 COMMENT 'offset of its record on events.raw',
    source_line      UInt32                 COMMENT 'line within the record, from 0',
    source_timestamp DateTime64(3, 'UTC')   COMMENT 'time of its record on events.raw',
    lacking          Array(LowCardinality(String))
        COMMENT 'roll-ups that do not have the block yet: only they take the row'
)
ENGINE = Null
COMMENT 'what sinks pass on to the roll-ups, block by block, once it stands in event_log; keeps nothing';

-- Amounts are added up as decimals: sums of Float64 depend on the order of the parts, and could not be compared. The
-- way by the shortest text keeps 1.005 from becoming 1.004999; beyond 32 digits an amount counts as 0.
CREATE TABLE IF NOT EXISTS sluice.rollup_minutes$on_cluster
(
    project      LowCardinality(String)  COMMENT 'project whose key sent the events',
    site_id      LowCardinality(String)  COMMENT 'site within the project',
    minute       DateTime('UTC')         COMMENT 'start of the minute in which they happened, says the sender',
    event_type   LowCardinality(String)  COMMENT 'what happened, in the sender''s words',
    api          LowCardinality(String)  COMMENT 'API they came by',
    outcome      LowCardinality(String)  COMMENT 'what became of them',
    currency     LowCardinality(String)  COMMENT 'ISO 4217; empty where they have none',
    source_month UInt32                  COMMENT 'month of their records on events.raw, as 202611',
    rows         SimpleAggregateFunction(sum, UInt64)         COMMENT 'rows of event_log that were added up',
    valued       SimpleAggregateFunction(sum, UInt64)         COMMENT 'those that have a value',
    amount       SimpleAggregateFunction(sum, Decimal(38, 6)) COMMENT 'sum of the values, in units of currency',
    visitors     AggregateFunction(uniq, UInt64)              COMMENT 'state of uniq over their visitor_id',
    fed          SimpleAggregateFunction(max, UInt64)         COMMENT 'in a marker: next raw offset to be fed',
    fed_partition SimpleAggregateFunction(max, UInt32)        COMMENT 'in a marker: its partition of events.raw'
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY source_month
ORDER BY (project, site_id, minute, event_type, api, outcome, currency)
SETTINGS $deduplication_window
COMMENT 'events by minute, added up; ask the view minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.feed_minutes$on_cluster TO sluice.rollup_minutes
(
    project      LowCardinality(String)          COMMENT 'project whose key sent the events',
    site_id      LowCardinality(String)          COMMENT 'site within the project',
    minute       DateTime('UTC')
        COMMENT 'start of the minute in which they happened, says the sender',
    event_type   LowCardinality(String)          COMMENT 'what happened, in the sender''s words',
    api          LowCardinality(String)          COMMENT 'API they came by',
    outcome      LowCardinality(String)          COMMENT 'what became of them',
    currency     LowCardinality(String)          COMMENT 'ISO 4217; empty where they have none',
    source_month UInt32                          COMMENT 'month of their records on events.raw, as 202611',
    rows         UInt64                          COMMENT 'rows of the block',
    valued       UInt64                          COMMENT 'those that have a value',
    amount       Decimal(38, 6)                  COMMENT 'sum of the values, in units of currency',
    visitors     AggregateFunction(uniq, UInt64) COMMENT 'state of uniq over their visitor_id',
    fed          UInt64                          COMMENT 'in a marker: next raw offset to be fed',
    fed_partition UInt32                         COMMENT 'in a marker: its partition of events.raw'
)
AS SELECT
    project,
    site_id,
    toStartOfMinute(timestamp) AS minute,
    event_type,
    api,
    outcome,
    currency,
    toYYYYMM(source_timestamp) AS source_month,
    countIf(outcome != 'fed') AS rows,
    count(value) AS valued,
    sum(toDecimal128OrZero(ifNull(toString(value), ''), 6)) AS amount,
    uniqStateIf(visitor_id, visitor_id != 0 AND outcome != 'fed') AS visitors,
    maxIf(source_offset + 1, outcome = 'fed') AS fed,
    maxIf(source_partition, outcome = 'fed') AS fed_partition
FROM sluice.feed
WHERE has(lacking, 'minutes')
GROUP BY project, site_id, minute, event_type, api, outcome, currency, source_month
COMMENT 'adds up each fed block by minute';

-- What came first or last is kept as a text that compares as it should: a digit that tells whether there is anything,
-- milliseconds since 1970 in 14 digits, and behind these 15 characters what it is. So the same events give the same
-- session in whatever order they arrive, and an UPDATE can blank what it holds of a person. Tuples would say the same,
-- but ClickHouse compares texts several times as fast.
CREATE TABLE IF NOT EXISTS sluice.rollup_sessions$on_cluster
(
    project       LowCardinality(String)  COMMENT 'project whose key sent the events',
    site_id       LowCardinality(String)  COMMENT 'site within the project',
    session_key   UInt64                  COMMENT 'hash of project, site and session_id',
    source_month  UInt32                  COMMENT 'month of their records on events.raw, as 202611',
    rows          SimpleAggregateFunction(sum, UInt64)              COMMENT 'stored events that were added up',
    started_at    SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'when the first event happened',
    ended_at      SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'when the last event happened',
    page_views    SimpleAggregateFunction(sum, UInt64)              COMMENT 'events page_view and page_viewed',
    orders        SimpleAggregateFunction(sum, UInt64)              COMMENT 'events confirmation',
    revenue       SimpleAggregateFunction(sumMap, Map(String, Decimal(38, 6))) COMMENT 'their values by currency',
    amounts       SimpleAggregateFunction(sumMap, Map(String, Decimal(38, 6)))
        COMMENT 'values of all events by currency',
    entry         SimpleAggregateFunction(min, String)
        COMMENT 'first event with a url: 0, or 1 without any, time, JSON [url, referrer]',
    exit          SimpleAggregateFunction(max, String)
        COMMENT 'last event with a url: 1, or 0 without any, time, url',
    campaign      SimpleAggregateFunction(min, String)
        COMMENT 'first event with a campaign: 0, or 1 without any, time, JSON [source, medium, campaign]',
    visitor       SimpleAggregateFunction(max, String)
        COMMENT 'last event with a visitor: 1, or 0 without any, time, visitor_id',
    country       SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'country; of several the last by name',
    device_type   SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'device; of several the last by name',
    browser       SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'browser; of several the last by name',
    os            SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'system; of several the last by name',
    fed           SimpleAggregateFunction(max, UInt64)              COMMENT 'in a marker: next raw offset to be fed',
    fed_partition SimpleAggregateFunction(max, UInt32)              COMMENT 'in a marker: its partition of events.raw'
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY source_month
ORDER BY (project, site_id, session_key)
SETTINGS $deduplication_window
COMMENT 'stored events by session, added up; ask the view sessions';

CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.feed_sessions$on_cluster TO sluice.rollup_sessions
(
    project      LowCardinality(String)      COMMENT 'project whose key sent the events',
    site_id      LowCardinality(String)      COMMENT 'site within the project',
    session_key  UInt64                      COMMENT 'hash of project, site and session_id',
    source_month UInt32                      COMMENT 'month of their records on events.raw, as 202611',
    rows         UInt64                      COMMENT 'stored events of the block',
    started_at   DateTime64(3, 'UTC')        COMMENT 'when the first event happened',
    ended_at     DateTime64(3, 'UTC')        COMMENT 'when the last event happened',
    page_views   UInt64                      COMMENT 'events page_view and page_viewed',
    orders       UInt64                      COMMENT 'events confirmation',
    revenue      Map(String, Decimal(38, 6)) COMMENT 'their values by currency',
    amounts      Map(String, Decimal(38, 6)) COMMENT 'values of all events by currency',
    entry        String
        COMMENT 'first event with a url: 0, or 1 without any, time, JSON [url, referrer]',
    exit         String                      COMMENT 'last event with a url: 1, or 0 without any, time, url',
    campaign     String
        COMMENT 'first event with a campaign: 0, or 1 without any, time, JSON [source, medium, campaign]',
    visitor      String
        COMMENT 'last event with a visitor: 1, or 0 without any, time, visitor_id',
    country      LowCardinality(String)      COMMENT 'country; of several the last by name',
    device_type  LowCardinality(String)      COMMENT 'device; of several the last by name',
    browser      LowCardinality(String)      COMMENT 'browser; of several the last by name',
    os           LowCardinality(String)      COMMENT 'system; of several the last by name',
    fed          UInt64                      COMMENT 'in a marker: next raw offset to be fed',
    fed_partition UInt32                     COMMENT 'in a marker: its partition of events.raw'
)
AS WITH
    toDecimal128OrZero(ifNull(toString(value), ''), 6) AS decimal,
    value IS NOT NULL AS has_value,
    event_type = 'confirmation' AS is_order,
    [toString(utm_source), toString(utm_medium), toString(utm_campaign)] AS utm,
    leftPad(toString(toUnixTimestamp64Milli(timestamp)), 14, '0') AS time
SELECT
    project,
    site_id,
    sipHash64(project, site_id, session_id) AS session_key,
    toYYYYMM(source_timestamp) AS source_month,
    countIf(outcome != 'fed') AS rows,
    min(timestamp) AS started_at,
    max(timestamp) AS ended_at,
    countIf(event_type IN ('page_view', 'page_viewed')) AS page_views,
    countIf(is_order) AS orders,
    sumMap(if(has_value AND is_order, map(toString(currency), decimal), map())) AS revenue,
    sumMap(if(has_value, map(toString(currency), decimal), map())) AS amounts,
    min(concat(if(url != '', '0', '1'), time, toJSONString([url, referrer]))) AS entry,
    max(concat(if(url != '', '1', '0'), time, url)) AS exit,
    min(concat(if(utm != ['', '', ''], '0', '1'), time, toJSONString(utm))) AS campaign,
    max(concat(if(visitor_id != 0, '1', '0'), time, toString(visitor_id))) AS visitor,
    max(country) AS country,
    max(device_type) AS device_type,
    max(browser) AS browser,
    max(os) AS os,
    maxIf(source_offset + 1, outcome = 'fed') AS fed,
    maxIf(source_partition, outcome = 'fed') AS fed_partition
FROM sluice.feed
WHERE has(lacking, 'sessions') AND (outcome = 'stored' AND session_id != '' OR outcome = 'fed')
GROUP BY project, site_id, session_key, source_month
COMMENT 'adds up each fed block by session';

CREATE TABLE IF NOT EXISTS sluice.rollup_visitor_days$on_cluster
(
    project      LowCardinality(String)  COMMENT 'project whose key sent the events',
    site_id      LowCardinality(String)  COMMENT 'site within the project',
    day          Date                    COMMENT 'day in UTC on which they happened, says the sender',
    visitor_id   UInt64                  COMMENT 'keyed hash of the user, else of the anonymous id',
    source_month UInt32                  COMMENT 'month of their records on events.raw, as 202611',
    rows         SimpleAggregateFunction(sum, UInt64)               COMMENT 'stored events that were added up',
    first_at     SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'when the first of the day happened',
    last_at      SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'when the last of the day happened',
    fed          SimpleAggregateFunction(max, UInt64)               COMMENT 'in a marker: next raw offset to be fed',
    fed_partition SimpleAggregateFunction(max, UInt32)              COMMENT 'in a marker: its partition of events.raw'
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY source_month
ORDER BY (project, site_id, day, visitor_id)
SETTINGS $deduplication_window
COMMENT 'stored events by visitor and day, added up; ask the view visitor_days';

CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.feed_visitor_days$on_cluster TO sluice.rollup_visitor_days
(
    project      LowCardinality(String) COMMENT 'project whose key sent the events',
    site_id      LowCardinality(String) COMMENT 'site within the project',
    day          Date                   COMMENT 'day in UTC on which they happened, says the sender',
    visitor_id   UInt64                 COMMENT 'keyed hash of the user, else of the anonymous id',
    source_month UInt32                 COMMENT 'month of their records on events.raw, as 202611',
    rows         UInt64                 COMMENT 'stored events of the block',
    first_at     DateTime64(3, 'UTC')   COMMENT 'when the first of the day happened',
    last_at      DateTime64(3, 'UTC')   COMMENT 'when the last of the day happened',
    fed          UInt64                 COMMENT 'in a marker: next raw offset to be fed',
    fed_partition UInt32                COMMENT 'in a marker: its partition of events.raw'
)
AS SELECT
    project,
    site_id,
    toDate(timestamp) AS day,
    visitor_id,
    toYYYYMM(source_timestamp) AS source_month,
    countIf(outcome != 'fed') AS rows,
    min(timestamp) AS first_at,
    max(timestamp) AS last_at,
    maxIf(source_offset + 1, outcome = 'fed') AS fed,
    maxIf(source_partition, outcome = 'fed') AS fed_partition
FROM sluice.feed
WHERE has(lacking, 'visitor_days') AND (outcome = 'stored' AND visitor_id != 0 OR outcome = 'fed')
GROUP BY project, site_id, day, visitor_id, source_month
COMMENT 'adds up each fed block by visitor and day';

-- Of all changes of an attribute the latest holds: by when the gateway took the event, then by where its raw line
-- stood. Every attribute keeps (when, whether it was set, its value). Sorted by visitor_id, since no name of a person
-- stands in a key; its rows may be deleted.
CREATE TABLE IF NOT EXISTS sluice.rollup_users$on_cluster
(
    project    LowCardinality(String)  COMMENT 'project that knows the user',
    visitor_id UInt64                  COMMENT 'keyed hash of the user',
    rows       SimpleAggregateFunction(sum, UInt64)               COMMENT 'events that changed the user',
    user_id    SimpleAggregateFunction(max, String)
        COMMENT 'id, else address, by which the user was first saved',
    email      SimpleAggregateFunction(max, Tuple(Bool, DateTime64(3, 'UTC'), UInt64, UInt32, String))
        COMMENT 'latest event that knows an address: knows one, received_at, offset, line, address',
    attributes SimpleAggregateFunction(maxMap, Map(String, Tuple(Tuple(DateTime64(3, 'UTC'), UInt64, UInt32), Bool, String)))
        COMMENT 'latest change of each attribute: (received_at, offset, line), whether it was set, value',
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
        COMMENT 'when the gateway took the first event that changed the user',
    updated_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'when it took the latest one',
    fed        SimpleAggregateFunction(max, UInt64)               COMMENT 'in a marker: next raw offset to be fed',
    fed_partition SimpleAggregateFunction(max, UInt32)            COMMENT 'in a marker: its partition of events.raw'
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (project, visitor_id)
SETTINGS $deduplication_window
COMMENT 'changes of users, added up; ask the view users';

CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.feed_users$on_cluster TO sluice.rollup_users
(
    project    LowCardinality(String) COMMENT 'project that knows the user',
    visitor_id UInt64                 COMMENT 'keyed hash of the user',
    rows       UInt64                 COMMENT 'events of the block that changed the user',
    user_id    String                 COMMENT 'id, else address, by which the user was first saved',
    email      Tuple(Bool, DateTime64(3, 'UTC'), UInt64, UInt32, String)
        COMMENT 'latest event that knows an address: knows one, received_at, offset, line, address',
    attributes Map(String, Tuple(Tuple(DateTime64(3, 'UTC'), UInt64, UInt32), Bool, String))
        COMMENT 'latest change of each attribute: (received_at, offset, line), whether it was set, value',
    first_seen DateTime64(3, 'UTC')   COMMENT 'when the gateway took the first event that changed the user',
    updated_at DateTime64(3, 'UTC')   COMMENT 'when it took the latest one',
    fed        UInt64                 COMMENT 'in a marker: next raw offset to be fed',
    fed_partition UInt32              COMMENT 'in a marker: its partition of events.raw'
)
AS WITH
    (received_at, source_offset, source_line) AS at,
    mapFromArrays(user_unset, arrayMap(name -> (at, false, ''), user_unset)) AS removed,
    mapApply((name, value) -> (name, (at, true, value)), user_set) AS given
SELECT
    project,
    visitor_id,
    countIf(outcome != 'fed') AS rows,
    max(line.user_id) AS user_id,
    max((user_email != '', received_at, source_offset, source_line, user_email)) AS email,
    maxMap(mapUpdate(removed, given)) AS attributes,
    min(received_at) AS first_seen,
    max(received_at) AS updated_at,
    maxIf(source_offset + 1, outcome = 'fed') AS fed,
    maxIf(source_partition, outcome = 'fed') AS fed_partition
FROM sluice.feed AS line
WHERE has(lacking, 'users') AND (changes_user AND line.user_id != '' OR outcome = 'fed')
GROUP BY project, visitor_id
COMMENT 'adds up each fed block by user';

-- What analysts ask. A view keeps the columns that * meant when it was made.
CREATE OR REPLACE VIEW sluice.events$on_cluster
(
    project          LowCardinality(String) COMMENT 'project whose key sent the event',
    api              LowCardinality(String) COMMENT 'API it came by: pulse, events, ingest, client, user_event',
    event_type       LowCardinality(String) COMMENT 'what happened, in the sender''s words',
    event_id         UUID                   COMMENT 'id that the gateway gave the event (UUID version 7)',
    timestamp        DateTime64(3, 'UTC')   COMMENT 'when it happened, says the sender',
    received_at      DateTime64(3, 'UTC')   COMMENT 'when the gateway took it',
    request_id       String                 COMMENT 'HTTP request that carried it (X-Request-Id)',
    site_id          LowCardinality(String) COMMENT 'site within the project',
    user_id          String                 COMMENT 'known user, empty where anonymous',
    visitor_id       UInt64
        COMMENT 'keyed hash of the user, else of the anonymous id; 0 without either',
    anonymous_id     String                 COMMENT 'device or browser, as the sender names it',
    session_id       String                 COMMENT 'session, as the sender names it',
    url              String                 COMMENT 'page or resource',
    page_title       String                 COMMENT 'title of the page',
    referrer         String                 COMMENT 'page that led here',
    utm_source       LowCardinality(String) COMMENT 'campaign parameter utm_source',
    utm_medium       LowCardinality(String) COMMENT 'campaign parameter utm_medium',
    utm_campaign     LowCardinality(String) COMMENT 'campaign parameter utm_campaign',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, upper case',
    device_type      LowCardinality(String) COMMENT 'desktop, mobile or tablet',
    browser          LowCardinality(String) COMMENT 'name of the browser',
    os               LowCardinality(String) COMMENT 'name of the operating system',
    ip               String                 COMMENT 'client''s address; empty where consent is denied',
    user_agent       String                 COMMENT 'client''s User-Agent header',
    consent          LowCardinality(String) COMMENT 'unknown, denied or granted',
    order_id         String                 COMMENT 'order of a confirmation',
    value            Nullable(Float64)      COMMENT 'amount, in units of currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    properties       Map(String, String)    COMMENT 'everything else; nested values as JSON text',
    payload          String                 COMMENT 'the event as it was sent',
    replay           UInt16                 COMMENT 'how often this event was sent in again',
    source_topic     UUID                   COMMENT 'Kafka''s id of the topic events.raw it stood on',
    source_partition UInt32                 COMMENT 'partition of events.raw',
    source_offset    UInt64                 COMMENT 'offset of its record on events.raw',
    source_line      UInt32                 COMMENT 'line within the record, from 0',
    source_timestamp DateTime64(3, 'UTC')   COMMENT 'time of its record on events.raw'
)
AS SELECT * EXCEPT
(
    raw_line, outcome, stage, reason, duplicate_of, changes_user, user_email, user_set, user_unset, block_first
)
FROM sluice.event_log
WHERE outcome = 'stored'
COMMENT 'stored events: what analysts query';

CREATE OR REPLACE VIEW sluice.rejected_events$on_cluster
(
    project          LowCardinality(String) COMMENT 'project whose key sent the event',
    api              LowCardinality(String) COMMENT 'API it came by: pulse, events, ingest, client, user_event',
    event_type       LowCardinality(String) COMMENT 'what happened, in the sender''s words',
    event_id         UUID                   COMMENT 'id that the gateway gave the event (UUID version 7)',
    timestamp        DateTime64(3, 'UTC')   COMMENT 'when it happened, says the sender',
    received_at      DateTime64(3, 'UTC')   COMMENT 'when the gateway took it',
    request_id       String                 COMMENT 'HTTP request that carried it (X-Request-Id)',
    site_id          LowCardinality(String) COMMENT 'site within the project',
    user_id          String                 COMMENT 'known user, empty where anonymous',
    visitor_id       UInt64
        COMMENT 'keyed hash of the user, else of the anonymous id; 0 without either',
    anonymous_id     String                 COMMENT 'device or browser, as the sender names it',
    session_id       String                 COMMENT 'session, as the sender names it',
    url              String                 COMMENT 'page or resource',
    page_title       String                 COMMENT 'title of the page',
    referrer         String                 COMMENT 'page that led here',
    utm_source       LowCardinality(String) COMMENT 'campaign parameter utm_source',
    utm_medium       LowCardinality(String) COMMENT 'campaign parameter utm_medium',
    utm_campaign     LowCardinality(String) COMMENT 'campaign parameter utm_campaign',
    country          LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, upper case',
    device_type      LowCardinality(String) COMMENT 'desktop, mobile or tablet',
    browser          LowCardinality(String) COMMENT 'name of the browser',
    os               LowCardinality(String) COMMENT 'name of the operating system',
    ip               String                 COMMENT 'client''s address; empty where consent is denied',
    user_agent       String                 COMMENT 'client''s User-Agent header',
    consent          LowCardinality(String) COMMENT 'unknown, denied or granted',
    order_id         String                 COMMENT 'order of a confirmation',
    value            Nullable(Float64)      COMMENT 'amount, in units of currency',
    currency         LowCardinality(String) COMMENT 'ISO 4217',
    properties       Map(String, String)    COMMENT 'everything else; nested values as JSON text',
    payload          String                 COMMENT 'the event as it was sent',
    raw_line         String
        COMMENT 'raw line without its event, where the event can be sent in again; else empty',
    outcome          LowCardinality(String) COMMENT 'stored, duplicate, throttled, bot or invalid',
    stage            LowCardinality(String) COMMENT 'where it was rejected: processor or sink; empty if stored',
    reason           String                 COMMENT 'why it was rejected, for people',
    duplicate_of     Nullable(UUID)         COMMENT 'event_id of the first one, where this one lost to it',
    replay           UInt16                 COMMENT 'how often this event was sent in again',
    source_topic     UUID                   COMMENT 'Kafka''s id of the topic events.raw it stood on',
    source_partition UInt32                 COMMENT 'partition of events.raw',
    source_offset    UInt64                 COMMENT 'offset of its record on events.raw',
    source_line      UInt32                 COMMENT 'line within the record, from 0',
    source_timestamp DateTime64(3, 'UTC')   COMMENT 'time of its record on events.raw'
)
AS SELECT * EXCEPT (changes_user, user_email, user_set, user_unset, block_first)
FROM sluice.event_log
WHERE outcome != 'stored'
COMMENT 'accepted events that were not stored, each with its reason';

CREATE OR REPLACE VIEW sluice.minutes$on_cluster
(
    project        LowCardinality(String)          COMMENT 'project whose key sent the events',
    site_id        LowCardinality(String)          COMMENT 'site within the project',
    minute         DateTime('UTC')
        COMMENT 'start of the minute in which they happened, says the sender',
    event_type     LowCardinality(String)          COMMENT 'what happened, in the sender''s words',
    api            LowCardinality(String)
        COMMENT 'API they came by: pulse, events, ingest, client, user_event',
    outcome        LowCardinality(String)
        COMMENT 'what became of them: stored, duplicate, throttled, bot or invalid',
    currency       LowCardinality(String)          COMMENT 'ISO 4217; empty where they have none',
    events         UInt64                          COMMENT 'how many there are',
    valued         UInt64                          COMMENT 'how many of them have a value',
    value          Decimal(38, 6)                  COMMENT 'sum of their values, in units of currency',
    visitors       UInt64
        COMMENT 'distinct visitors of this row; they do not add up: see visitors_state',
    visitors_state AggregateFunction(uniq, UInt64)
        COMMENT 'for distinct visitors of several rows: uniqMerge(visitors_state)'
)
AS SELECT
    project,
    site_id,
    minute,
    event_type,
    api,
    outcome,
    currency,
    sum(rows) AS events,
    sum(rolled.valued) AS valued,
    sum(amount) AS value,
    uniqMerge(rolled.visitors) AS visitors,
    uniqMergeState(rolled.visitors) AS visitors_state
FROM sluice.rollup_minutes AS rolled
WHERE fed = 0
GROUP BY project, site_id, minute, event_type, api, outcome, currency
COMMENT 'events of every outcome by minute: counts, values by currency, visitors';

CREATE OR REPLACE VIEW sluice.sessions$on_cluster
(
    project       LowCardinality(String)      COMMENT 'project whose key sent the events',
    site_id       LowCardinality(String)      COMMENT 'site within the project',
    session_key   UInt64                      COMMENT 'sipHash64(project, site_id, session_id) of its events',
    visitor_id    UInt64                      COMMENT 'visitor of its last event that has one; 0 without any',
    started_at    DateTime64(3, 'UTC')        COMMENT 'when its first event happened',
    ended_at      DateTime64(3, 'UTC')        COMMENT 'when its last event happened',
    duration_s    Float64                     COMMENT 'seconds between the two',
    events        UInt64                      COMMENT 'stored events',
    page_views    UInt64                      COMMENT 'those that are page_view or page_viewed',
    entry_url     String                      COMMENT 'url of its first event that has one',
    exit_url      String                      COMMENT 'url of its last event that has one',
    referrer      String                      COMMENT 'page that led to entry_url',
    utm_source    String
        COMMENT 'campaign parameter utm_source of its first event with a campaign',
    utm_medium    String                      COMMENT 'campaign parameter utm_medium of the same event',
    utm_campaign  String                      COMMENT 'campaign parameter utm_campaign of the same event',
    country       LowCardinality(String)      COMMENT 'ISO 3166-1 alpha-2; of several the last by name',
    device_type   LowCardinality(String)      COMMENT 'desktop, mobile or tablet; of several the last by name',
    browser       LowCardinality(String)      COMMENT 'name of the browser; of several the last by name',
    os            LowCardinality(String)      COMMENT 'name of the operating system; of several the last by name',
    orders        UInt64                      COMMENT 'events of type confirmation',
    revenue       Map(String, Decimal(38, 6)) COMMENT 'values of its orders by currency: revenue[''EUR'']',
    value         Map(String, Decimal(38, 6)) COMMENT 'values of all its events by currency, whatever they stand for'
)
AS SELECT
    project,
    site_id,
    session_key,
    toUInt64(substring(max(visitor), 16)) AS visitor_id,
    min(rolled.started_at) AS started_at,
    max(rolled.ended_at) AS ended_at,
    (toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at)) / 1000 AS duration_s,
    sum(rows) AS events,
    sum(rolled.page_views) AS page_views,
    JSONExtract(substring(min(entry), 16), 'Array(String)')[1] AS entry_url,
    substring(max(exit), 16) AS exit_url,
    JSONExtract(substring(min(entry), 16), 'Array(String)')[2] AS referrer,
    JSONExtract(substring(min(campaign), 16), 'Array(String)')[1] AS utm_source,
    JSONExtract(substring(min(campaign), 16), 'Array(String)')[2] AS utm_medium,
    JSONExtract(substring(min(campaign), 16), 'Array(String)')[3] AS utm_campaign,
    max(rolled.country) AS country,
    max(rolled.device_type) AS device_type,
    max(rolled.browser) AS browser,
    max(rolled.os) AS os,
    sum(rolled.orders) AS orders,
    sumMap(rolled.revenue) AS revenue,
    sumMap(amounts) AS value
FROM sluice.rollup_sessions AS rolled
WHERE fed = 0
GROUP BY project, site_id, session_key
COMMENT 'sessions, one row each: entry, exit, duration, events, orders, value';

CREATE OR REPLACE VIEW sluice.visitor_days$on_cluster
(
    project    LowCardinality(String) COMMENT 'project whose key sent the events',
    site_id    LowCardinality(String) COMMENT 'site within the project',
    day        Date                   COMMENT 'day in UTC on which they happened, says the sender',
    visitor_id UInt64                 COMMENT 'keyed hash of the user, else of the anonymous id',
    events     UInt64                 COMMENT 'stored events of the visitor on this day',
    first_at   DateTime64(3, 'UTC')   COMMENT 'when the first of them happened',
    last_at    DateTime64(3, 'UTC')   COMMENT 'when the last of them happened'
)
AS SELECT
    project,
    site_id,
    day,
    visitor_id,
    sum(rows) AS events,
    min(rolled.first_at) AS first_at,
    max(rolled.last_at) AS last_at
FROM sluice.rollup_visitor_days AS rolled
WHERE fed = 0
GROUP BY project, site_id, day, visitor_id
COMMENT 'days on which a visitor was there, one row each: the ground for retention and for active visitors';

-- A removed attribute is kept as such, in case an earlier change comes late, and left out here.
CREATE OR REPLACE VIEW sluice.users$on_cluster
(
    project    LowCardinality(String)  COMMENT 'project that knows the user',
    user_id    String                  COMMENT 'id, else address, by which the user was first saved',
    email      String                  COMMENT 'latest known address; empty where anonymous',
    attributes Map(String, String)     COMMENT 'present attributes; nested values as JSON text',
    first_seen DateTime64(3, 'UTC')    COMMENT 'when the gateway took the first event that changed the user',
    updated_at DateTime64(3, 'UTC')    COMMENT 'when it took the latest one'
)
AS SELECT
    project,
    user_id,
    max(rolled.email).5 AS email,
    mapApply((name, change) -> (name, change.3), mapFilter((name, change) -> change.2, maxMap(rolled.attributes)))
        AS attributes,
    min(rolled.first_seen) AS first_seen,
    max(rolled.updated_at) AS updated_at
FROM sluice.rollup_users AS rolled
WHERE fed = 0
GROUP BY project, user_id
COMMENT 'known users as they are now, one row each: what all events that changed a user add up to';
