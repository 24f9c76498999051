-- title: What made the sessions that queried, and what that cost: Quick, other services, people
-- tables: chains
-- example: qs-audit query queries-by-origin --since 7d
WITH labeled AS (
  SELECT
    CASE
      WHEN origin_service IS NOT NULL THEN origin_service
      WHEN origin_confidence IN ('proven', 'probable') THEN 'people'
      ELSE 'unknown'
    END AS origin,
    origin_resource_arn,
    consumer_account_id,
    chain_id,
    query_count,
    bytes_scanned,
    estimated_cost_usd
  FROM chains
  WHERE query_count > 0
)
SELECT
  origin,
  origin_resource_arn,
  consumer_account_id,
  COUNT(*) AS chain_count,
  SUM(query_count) AS query_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd,
  MAX(chain_id) AS example_chain_id
FROM labeled
GROUP BY origin, origin_resource_arn, consumer_account_id
ORDER BY query_count DESC, origin, origin_resource_arn NULLS LAST, consumer_account_id NULLS LAST
