"""Runs saved queries in DuckDB over exported tables and compares the results.

Usage: compare.py FOLDER

The folder holds tables/*.parquet, and for each query NAME.sql, its parameters
filled in, and NAME.json, what the program gave for it. Rows are compared in
order and to the last digit.
"""

import datetime
import decimal
import json
import pathlib
import sys

import duckdb


def plain(value):
    """A value of DuckDB in the spelling of the program's JSON, numbers as decimals."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, decimal.Decimal)):
        return decimal.Decimal(value).normalize()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def told(value, kind):
    """A value of the program's JSON in the same spelling."""
    if value is None or isinstance(value, bool):
        return value
    if kind in ("integer", "decimal"):
        return decimal.Decimal(value).normalize()
    return value


def main():
    folder = pathlib.Path(sys.argv[1])
    database = duckdb.connect()
    for table in sorted((folder / "tables").glob("*.parquet")):
        database.execute(f"CREATE VIEW {table.stem} AS SELECT * FROM '{table}'")
    failures = 0
    rows_in_all = 0
    for query in sorted(folder.glob("*.sql")):
        result = json.loads(query.with_suffix(".json").read_text())
        columns = result["columns"]
        wanted = [
            [told(row[column["name"]], column["type"]) for column in columns]
            for row in result["rows"]
        ]
        cursor = database.execute(query.read_text())
        names = [column[0] for column in cursor.description]
        found = [[plain(value) for value in row] for row in cursor.fetchall()]
        rows_in_all += len(found)
        if names == [column["name"] for column in columns] and found == wanted:
            continue
        failures += 1
        print(f"{query.stem}: DuckDB gives {len(found)} rows, the program {len(wanted)}")
        for number, (left, right) in enumerate(zip(found, wanted)):
            if left != right:
                print(f"  row {number}: DuckDB {left}\n  row {number}: program {right}")
                break
    print(f"{rows_in_all} rows compared in DuckDB {duckdb.__version__}")
    sys.exit(1 if failures else 0)


main()
