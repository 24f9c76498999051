-- title: Chains that acted for a user, a delegate, an agent or a flow
-- tables: chains
-- param: pattern text = %"kind":"agent"%
-- example: qs-audit query who-acted-for --param pattern=%ana@example.com% --since 7d
SELECT
  started_at,
  chain_id,
  consumer_account_id,
  origin_service,
  query_count,
  bytes_scanned,
  acting_for
FROM chains
WHERE acting_for LIKE :pattern
ORDER BY started_at, chain_id
