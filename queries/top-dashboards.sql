-- title: Dashboards and analyses by bytes scanned
-- tables: queries
-- param: top integer = 20
-- example: qs-audit query top-dashboards --param top=10 --since 30d
SELECT
  quick_user_resource_arn,
  quick_user_data_set_arn,
  COUNT(*) AS query_count,
  COUNT(DISTINCT quick_user) AS user_count,
  SUM(bytes_scanned) AS bytes_scanned,
  SUM(estimated_cost_usd) AS estimated_cost_usd
FROM queries
WHERE quick_user_resource_arn IS NOT NULL
GROUP BY quick_user_resource_arn, quick_user_data_set_arn
ORDER BY bytes_scanned DESC NULLS LAST, quick_user_resource_arn, quick_user_data_set_arn NULLS LAST
LIMIT :top
