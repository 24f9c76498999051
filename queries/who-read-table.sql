-- title: Who read a table, whose it is, and whether that is declared
-- tables: reads
-- param: table text
-- example: qs-audit query who-read-table --param table=claims.sales --since 7d
SELECT
  table_arn,
  owner_account_id,
  consumer_account_id,
  declared,
  quick_user,
  quick_user_resource_arn,
  data_source_arn,
  work_group,
  confidence,
  via,
  COUNT(*) AS query_count,
  SUM(bytes) AS bytes_read,
  MIN(started_at) AS first_read_at,
  MAX(started_at) AS last_read_at
FROM reads
WHERE "table" = :table OR CONCAT(database, '.', "table") = :table OR table_arn = :table
GROUP BY table_arn, owner_account_id, consumer_account_id, declared, quick_user, quick_user_resource_arn,
  data_source_arn, work_group, confidence, via
ORDER BY last_read_at DESC, query_count DESC, table_arn NULLS LAST, quick_user NULLS LAST,
  consumer_account_id NULLS LAST, quick_user_resource_arn NULLS LAST,
  data_source_arn NULLS LAST, work_group NULLS LAST, confidence, via
