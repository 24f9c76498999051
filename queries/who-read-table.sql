-- title: Who read a table, whose it is, and whether that is declared
-- tables: reads
-- param: table text
-- example: qs-audit query who-read-table --param table=claims.sales --since 7d
SELECT
  COALESCE(table_arn, CONCAT(database, '.', "table"), CONCAT('s3://', bucket)) AS read_table,
  owner_account_id,
  consumer_account_id,
  declared,
  quick_user,
  quick_user_resource_arn,
  confidence,
  COUNT(*) AS read_count,
  SUM(bytes) AS bytes_read,
  MIN(started_at) AS first_read_at,
  MAX(started_at) AS last_read_at,
  MAX(chain_id) AS example_chain_id
FROM reads
WHERE "table" = :table OR CONCAT(database, '.', "table") = :table OR table_arn = :table
  OR CONCAT('s3://', bucket) = :table
GROUP BY table_arn, database, "table", bucket, owner_account_id, consumer_account_id, declared,
  quick_user, quick_user_resource_arn, confidence
ORDER BY last_read_at DESC, read_count DESC, read_table NULLS LAST, quick_user NULLS LAST,
  consumer_account_id NULLS LAST, quick_user_resource_arn NULLS LAST, confidence
