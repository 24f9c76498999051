-- title: What each consumer, work group and user read of the tables of other accounts
-- tables: reads
-- example: qs-audit query reads-by-producer --since 30d
SELECT
  owner_account_id,
  consumer_account_id,
  consumer_name,
  declared,
  work_group,
  quick_user,
  quick_user_resource_arn,
  COUNT(DISTINCT query_execution_id) AS query_count,
  COUNT(DISTINCT table_arn) AS table_count,
  SUM(objects) AS objects_read,
  SUM(bytes) AS bytes_read,
  MAX(started_at) AS last_read_at
FROM reads
WHERE declared IS NOT NULL AND confidence <> 'ambiguous'
GROUP BY owner_account_id, consumer_account_id, consumer_name, declared, work_group, quick_user,
  quick_user_resource_arn
ORDER BY owner_account_id, bytes_read DESC NULLS LAST, query_count DESC,
  consumer_account_id NULLS LAST, work_group NULLS LAST, quick_user NULLS LAST,
  quick_user_resource_arn NULLS LAST
