-- title: Run-as sessions that Quick made without an inline policy
-- tables: hops
-- example: qs-audit query hops-without-scope-down --since 7d
SELECT
  chain_id,
  assumed_at,
  role_arn,
  role_session_name,
  assumed_by,
  consumer_account_id
FROM hops
WHERE is_consumer = FALSE
  AND assumed_by = 'quicksight.amazonaws.com'
  AND scope_down_present = FALSE
ORDER BY assumed_at NULLS LAST, chain_id
