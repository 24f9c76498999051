-- title: Who reached a database, through which data source and dashboard
-- tables: queries
-- param: database text
-- example: qs-audit query who-reached-database --param database=retail --since 7d
SELECT
  quick_user,
  data_source_arn,
  quick_user_resource_arn,
  consumer_account_id,
  path,
  COUNT(*) AS query_count,
  MIN(started_at) AS first_query_at,
  MAX(started_at) AS last_query_at
FROM queries
WHERE database = :database
GROUP BY quick_user, data_source_arn, quick_user_resource_arn, consumer_account_id, path
ORDER BY query_count DESC, quick_user NULLS LAST, data_source_arn NULLS LAST,
  quick_user_resource_arn NULLS LAST, consumer_account_id NULLS LAST, path
