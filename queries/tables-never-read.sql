-- title: Listed tables that no query read, as far as the logs can tell
-- tables: catalog_tables, reads
-- example: qs-audit query tables-never-read --catalogs tables.json --since 90d
SELECT
  catalog_tables.owner_account_id,
  catalog_tables.database,
  catalog_tables."table",
  catalog_tables.location,
  catalog_tables.events_not_logged,
  CASE WHEN catalog_tables.events_not_logged = '[]' THEN 'never read' ELSE 'cannot tell' END
    AS verdict
FROM catalog_tables
LEFT JOIN reads
  ON reads.owner_account_id = catalog_tables.owner_account_id
  AND reads.database = catalog_tables.database
  AND reads."table" = catalog_tables."table"
WHERE reads.chain_id IS NULL AND catalog_tables.target IS NULL
ORDER BY catalog_tables.owner_account_id, catalog_tables.database, catalog_tables."table"
