-- title: Cost of Quick's queries per data source and day of the week
-- tables: charges
-- example: qs-audit query cost-by-data-source-and-weekday --from 2026-10-01 --to 2026-11-01
SELECT
  data_source_arn,
  weekday,
  currency,
  SUM(query_count) AS query_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd,
  SUM(billed_cost) AS billed_cost
FROM charges
WHERE share = 'quick' AND weekday IS NOT NULL
GROUP BY data_source_arn, weekday, currency
ORDER BY data_source_arn NULLS LAST, weekday, currency
