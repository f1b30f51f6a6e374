-- A read-only user for analysts, on a ClickHouse server or cluster of your own; the local stack has one, `reader`.
-- Fill in the hash (printf '%s' 'the password' | sha256sum) and run it as an administrator, with
-- clickhouse-client --multiquery; on a cluster add ON CLUSTER behind each name.

-- Clients may change settings of their own (readonly = 2), but none beyond these limits.
CREATE SETTINGS PROFILE IF NOT EXISTS sluice_analyst SETTINGS
    readonly = 2,
    max_execution_time = 60 MAX 600,
    max_memory_usage = 4000000000 MAX 8000000000,
    max_bytes_before_external_group_by = 2000000000,
    max_bytes_before_external_sort = 2000000000,
    max_result_rows = 1000000 MAX 10000000,
    max_concurrent_queries_for_user = 10 MAX 20;

CREATE ROLE IF NOT EXISTS sluice_analyst SETTINGS PROFILE 'sluice_analyst';

-- The views, and what they read: a view asks with the rights of who asks it.
GRANT SELECT ON sluice.events TO sluice_analyst;
GRANT SELECT ON sluice.rejected_events TO sluice_analyst;
GRANT SELECT ON sluice.minutes TO sluice_analyst;
GRANT SELECT ON sluice.sessions TO sluice_analyst;
GRANT SELECT ON sluice.visitor_days TO sluice_analyst;
GRANT SELECT ON sluice.users TO sluice_analyst;
GRANT SELECT ON sluice.event_log TO sluice_analyst;
GRANT SELECT ON sluice.rollup_minutes TO sluice_analyst;
GRANT SELECT ON sluice.rollup_sessions TO sluice_analyst;
GRANT SELECT ON sluice.rollup_visitor_days TO sluice_analyst;
GRANT SELECT ON sluice.rollup_users TO sluice_analyst;

CREATE USER IF NOT EXISTS analyst
    IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000';
GRANT sluice_analyst TO analyst;
