-- title: Where statistics of queries are missing, by consumer and day
-- tables: queries
-- example: qs-audit query queries-without-statistics --since 7d
SELECT
  consumer_account_id,
  region,
  day,
  COUNT(*) AS query_count,
  SUM(CASE WHEN state IS NULL THEN 1 ELSE 0 END) AS without_statistics
FROM queries
WHERE query_execution_id IS NOT NULL
GROUP BY consumer_account_id, region, day
HAVING SUM(CASE WHEN state IS NULL THEN 1 ELSE 0 END) > 0
ORDER BY consumer_account_id NULLS LAST, region NULLS LAST, day
