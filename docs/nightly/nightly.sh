#!/bin/sh
# Brings what a report needs to this machine, writes the report of the last whole UTC
# day, and leaves with the report's exit status (docs/exit-codes.md).
#
#   TRAIL     where CloudTrail writes, up to AWSLogs: s3://bucket/prefix/AWSLogs
#   DATA      a folder to keep things in; what is there already is not fetched again
#   CONFIG    qs-audit.toml; its [[logs]], [[executions]], [[costs]] and
#             [[data_sources]] name AWSLogs, executions, costs.json and
#             data-sources.json in DATA
#   CONSUMERS account:region:role-arn of each consumer, separated by blanks; the role
#             may read query statistics there. Optional: without it nothing is known
#             of bytes.
#   HUB       the account that Quick lives in. Optional: without it external ids are
#             checked by their form alone.
#   COSTS     yes asks Cost Explorer for the last month (one paid request a page).
#   REPORTS   where reports are kept: s3://bucket/prefix. Optional: without it they
#             stay in DATA/reports.
#   DAYS      days of logs to have: the night and what it is compared with (30).
#   FAIL_ON   findings at least so bad end it with status 10 (high).
#
# It needs aws (with credentials), jq and qs-audit.
set -eu
: "${TRAIL:?}" "${DATA:?}" "${CONFIG:?}"
days="${DAYS:-30}"
mkdir -p "$DATA/executions"
cd "$DATA"

# Files of a day may be delivered on the next one: today's are wanted, too.
set --
back=0
while [ "$back" -lt "$days" ]; do
    day="$(date -u -d "$back days ago" +%Y/%m/%d)"
    set -- "$@" --include "*/CloudTrail/*/$day/*"
    back=$((back + 1))
done
aws s3 sync "$TRAIL" AWSLogs --only-show-errors --exclude '*' "$@"

if [ -n "${HUB:-}" ]; then
    aws quicksight list-data-sources --aws-account-id "$HUB" --output json > data-sources.json
fi
if [ "${COSTS:-}" = yes ]; then
    aws ce get-cost-and-usage \
        --time-period "Start=$(date -u -d "$days days ago" +%F),End=$(date -u +%F)" \
        --granularity DAILY --metrics UnblendedCost UsageQuantity \
        --group-by Type=DIMENSION,Key=LINKED_ACCOUNT Type=DIMENSION,Key=USAGE_TYPE \
        --output json > costs.json
fi

# Statistics of the queries that ran since the day before, fifty a call, asked for in
# the account they ran in. Athena forgets them after 45 days; here they stay.
night="$(date -u -d yesterday +%F)"
# A folder that holds nothing yet would be taken for a mistake.
[ -e executions/none.json ] || echo '{"QueryExecutions": []}' > executions/none.json
for consumer in ${CONSUMERS:-}; do
    account="${consumer%%:*}"
    rest="${consumer#*:}"
    region="${rest%%:*}"
    role="${rest#*:}"
    credentials="$(aws sts assume-role --role-arn "$role" --role-session-name qs-audit --output json)"
    of() { printf %s "$credentials" | jq -r ".Credentials.$1"; }
    qs-audit chains -q -c "$CONFIG" --from "$night" --path any --flat --format jsonl |
        jq -r --arg account "$account" --arg region "$region" \
            'select(.consumer_account_id == $account and .query.region == $region)
             | .query.query_execution_id // empty' |
        sort -u | xargs -r -n 50 > query-ids
    number=0
    while read -r ids; do
        number=$((number + 1))
        # Ids are words without blanks or quotes: the shell is to split them.
        # shellcheck disable=SC2086
        AWS_ACCESS_KEY_ID="$(of AccessKeyId)" AWS_SECRET_ACCESS_KEY="$(of SecretAccessKey)" \
            AWS_SESSION_TOKEN="$(of SessionToken)" \
            aws athena batch-get-query-execution --region "$region" --output json \
            --query-execution-ids $ids > "executions/$account-$region-$night-$number.json"
    done < query-ids
    rm -f query-ids
done

# The reports before tell new findings from ongoing and resolved ones.
if [ -n "${REPORTS:-}" ]; then
    aws s3 sync "$REPORTS/nightly" reports/nightly --only-show-errors --exclude '*' --include '*/report.json'
fi
status=0
qs-audit report -q -c "$CONFIG" --fail-on "${FAIL_ON:-high}" || status=$?
if [ -n "${REPORTS:-}" ] && [ -d "reports/nightly/$night" ]; then
    aws s3 sync "reports/nightly/$night" "$REPORTS/nightly/$night" --only-show-errors --delete
fi
exit "$status"
