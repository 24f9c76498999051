-- title: Which Quick users reached which consumer, and how much they scanned
-- tables: queries
-- example: qs-audit query users-by-consumer --since 30d --format csv
SELECT
  consumer_account_id,
  consumer_name,
  quick_user,
  COUNT(*) AS query_count,
  COUNT(DISTINCT chain_id) AS chain_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd
FROM queries
WHERE path = 'quick-role-chain'
GROUP BY consumer_account_id, consumer_name, quick_user
ORDER BY consumer_account_id NULLS LAST, consumer_name NULLS LAST, query_count DESC,
  quick_user NULLS LAST
