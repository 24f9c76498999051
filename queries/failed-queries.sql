-- title: Queries that failed or were cancelled, by user and data source
-- tables: queries
-- example: qs-audit query failed-queries --since 7d
SELECT
  state,
  quick_user,
  data_source_arn,
  work_group,
  COUNT(*) AS query_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd
FROM queries
WHERE state IN ('FAILED', 'CANCELLED')
GROUP BY state, quick_user, data_source_arn, work_group
ORDER BY query_count DESC, state, quick_user NULLS LAST, data_source_arn NULLS LAST,
  work_group NULLS LAST
