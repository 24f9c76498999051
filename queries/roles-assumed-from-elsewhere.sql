-- title: Consumer roles assumed from an account that is not the chain's hub
-- tables: hops, chains
-- example: qs-audit query roles-assumed-from-elsewhere --since 30d
SELECT
  hops.chain_id,
  hops.assumed_at,
  hops.role_arn,
  hops.source_account_id,
  hops.assumed_by,
  hops.source_ip,
  hops.external_id,
  chains.status
FROM hops
JOIN chains ON hops.chain_id = chains.chain_id
WHERE hops.is_consumer = TRUE
  AND hops.source_account_id IS NOT NULL
  AND hops.source_account_id <> COALESCE(chains.hub_account_id, '')
ORDER BY hops.assumed_at NULLS LAST, hops.chain_id
