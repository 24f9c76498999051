-- title: The queries that scanned most
-- tables: queries
-- param: top integer = 20
-- example: qs-audit query largest-queries --param top=5 --since 1d
SELECT
  query_execution_id,
  started_at,
  consumer_account_id,
  work_group,
  database,
  quick_user,
  data_source_arn,
  state,
  bytes_scanned,
  estimated_cost_usd,
  billed_cost,
  currency,
  chain_id
FROM queries
WHERE bytes_scanned IS NOT NULL AND query_execution_id IS NOT NULL
ORDER BY bytes_scanned DESC, query_execution_id
LIMIT :top
