-- title: Queries that Athena refused, by error
-- tables: queries
-- example: qs-audit query refused-queries --since 7d
SELECT
  consumer_account_id,
  work_group,
  error_code,
  COUNT(*) AS query_count,
  MIN(started_at) AS first_refused_at,
  MAX(started_at) AS last_refused_at
FROM queries
WHERE error_code IS NOT NULL
GROUP BY consumer_account_id, work_group, error_code
ORDER BY query_count DESC, consumer_account_id NULLS LAST, work_group NULLS LAST, error_code
