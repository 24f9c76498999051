-- title: Queries and bytes by hour of the day, in UTC
-- tables: queries
-- example: qs-audit query busy-hours --since 30d
SELECT
  hour,
  COUNT(*) AS query_count,
  COUNT(DISTINCT consumer_account_id) AS consumer_count,
  SUM(bytes_scanned) AS bytes_scanned
FROM queries
WHERE path = 'quick-role-chain'
GROUP BY hour
ORDER BY hour
