-- title: Consumer sessions that were used for longer than role chaining allows
-- tables: chains
-- param: seconds integer = 3600
-- example: qs-audit query sessions-over-an-hour --since 30d
SELECT
  chain_id,
  path,
  started_at,
  last_activity_at,
  duration_seconds,
  consumer_account_id,
  consumer_session_role_arn,
  query_count
FROM chains
WHERE duration_seconds > :seconds
ORDER BY duration_seconds DESC, chain_id
