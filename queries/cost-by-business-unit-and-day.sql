-- title: The Athena bill per business unit and day, and who caused it
-- tables: charges
-- example: qs-audit query cost-by-business-unit-and-day --from 2026-10-01 --to 2026-11-01
SELECT
  business_unit,
  period_start,
  currency,
  SUM(CASE WHEN share = 'quick' THEN billed_cost END) AS quick_cost,
  SUM(CASE WHEN share = 'other' THEN billed_cost END) AS other_cost,
  SUM(CASE WHEN share = 'unallocated' THEN billed_cost END) AS unallocated_cost,
  SUM(billed_cost) AS billed_cost
FROM charges
GROUP BY business_unit, period_start, currency
ORDER BY business_unit, period_start, currency
