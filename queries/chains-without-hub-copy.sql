-- title: Chains whose hop into the consumer was seen by the consumer only
-- tables: chains
-- example: qs-audit query chains-without-hub-copy --since 7d
SELECT
  chain_id,
  started_at,
  status,
  hub_account_id,
  consumer_account_id,
  consumer_session_role_arn,
  missing,
  query_count
FROM chains
WHERE has_hub_copy = FALSE
ORDER BY started_at, chain_id
