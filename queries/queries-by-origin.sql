-- title: What made the sessions that queried, and what that cost: Quick, other services, people
-- tables: chains
-- example: qs-audit query queries-by-origin --since 7d
SELECT
  CASE
    WHEN origin_service IS NOT NULL THEN origin_service
    WHEN origin_confidence IN ('proven', 'probable') THEN 'people'
    ELSE 'unknown'
  END AS origin,
  origin_resource_arn,
  consumer_account_id,
  COUNT(*) AS chain_count,
  SUM(query_count) AS query_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd,
  MAX(chain_id) AS example_chain_id
FROM chains
WHERE query_count > 0
GROUP BY origin_service, origin_confidence, origin_resource_arn, consumer_account_id
ORDER BY query_count DESC, origin, origin_resource_arn NULLS LAST, consumer_account_id NULLS LAST, example_chain_id
