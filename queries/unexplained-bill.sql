-- title: Accounts and days with the most of the bill that no known query explains
-- tables: charges
-- param: top integer = 20
-- example: qs-audit query unexplained-bill --from 2026-10-01 --to 2026-11-01
SELECT
  consumer_account_id,
  business_unit,
  region,
  period_start,
  currency,
  SUM(billed_cost) AS unallocated_cost
FROM charges
WHERE share = 'unallocated'
GROUP BY consumer_account_id, business_unit, region, period_start, currency
ORDER BY unallocated_cost DESC NULLS LAST, consumer_account_id, region NULLS LAST, period_start,
  currency
LIMIT :top
