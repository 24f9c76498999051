#!/bin/sh
# Brings what a report needs to this machine, writes the report of the last whole UTC
# day, and leaves with the report's exit status (docs/exit-codes.md); with 1 where all
# was well but something could not be fetched.
#
#   TRAIL     where CloudTrail writes, up to AWSLogs: s3://bucket/prefix/AWSLogs
#   DATA      a folder to keep things in; what is there already is not fetched again
#   CONFIG    qs-audit.toml; it names what is fetched into DATA: AWSLogs, executions,
#             and, as far as they are asked for, costs.json, costs-rest.json and
#             data-sources.json
#   CONSUMERS account:region:role-arn of each consumer, separated by blanks; the role
#             may read query statistics there. Optional: without it nothing is known
#             of bytes.
#   HUB       the account that Quick lives in, if it is the one this runs in. Optional:
#             without it external ids are checked by their form alone.
#   COSTS     yes asks Cost Explorer for the days of DAYS (two paid requests, and one a further page).
#   REPORTS   where reports and statistics are kept: s3://bucket/prefix. Optional:
#             without it they stay in DATA.
#   DAYS      days of logs to have: the night and what it is compared with (30).
#   FAIL_ON   findings at least so bad end it with status 10 (high).
#   STRICT    yes ends it with status 4 if anything could not be read.
#   TELL      yes prints report.md if there is something to look at: for a scheduler
#             that mails what is printed.
#
# It needs aws (with credentials), jq, GNU date and qs-audit.
set -eu
: "${TRAIL:?}" "${DATA:?}" "${CONFIG:?}"
days="${DAYS:-30}"
status=0
problems=0
mkdir -p "$DATA/executions"
cd "$DATA"

warn() {
    echo "nightly.sh: $*" >&2
    problems=1
}

# Writes what a command prints to a file, whole or not at all.
fetch() {
    file="$1"
    shift
    if "$@" > "$file.new"; then
        mv "$file.new" "$file"
    else
        rm -f "$file.new"
        warn "$file could not be fetched"
    fi
}

# Files of a day may be delivered on the next one: today's are wanted, too.
set --
back=0
while [ "$back" -lt "$days" ]; do
    day="$(date -u -d "$back days ago" +%Y/%m/%d)"
    set -- "$@" --include "*/CloudTrail/*/$day/*"
    back=$((back + 1))
done
aws s3 sync "$TRAIL" AWSLogs --only-show-errors --exclude '*' "$@" || warn "not all logs could be fetched"

if [ -n "${HUB:-}" ]; then
    fetch data-sources.json aws quicksight list-data-sources --aws-account-id "$HUB" --output json
fi
first="$(date -u -d "$days days ago" +%F)"
if [ "${COSTS:-}" = yes ]; then
    # Apart: figures that are not filtered are net of credits.
    rest='{"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund", "Tax"]}}'
    fetch costs.json aws ce get-cost-and-usage \
        --time-period "Start=$first,End=$(date -u +%F)" \
        --granularity DAILY --metrics UnblendedCost UsageQuantity --filter "{\"Not\": $rest}" \
        --group-by Type=DIMENSION,Key=LINKED_ACCOUNT Type=DIMENSION,Key=USAGE_TYPE \
        --output json
    fetch costs-rest.json aws ce get-cost-and-usage \
        --time-period "Start=$first,End=$(date -u +%F)" \
        --granularity DAILY --metrics UnblendedCost UsageQuantity --filter "$rest" \
        --group-by Type=DIMENSION,Key=LINKED_ACCOUNT Type=DIMENSION,Key=RECORD_TYPE \
        --output json
fi

# The reports before tell new findings from ongoing and resolved ones; statistics that
# were fetched once stay: Athena forgets them after 45 days.
if [ -n "${REPORTS:-}" ]; then
    aws s3 sync "$REPORTS/nightly" reports/nightly --only-show-errors --exclude '*' --include '*/report.json' ||
        warn "the reports before could not be fetched"
    aws s3 sync "$REPORTS/executions" executions --only-show-errors ||
        warn "the statistics of before could not be fetched"
fi

# Statistics of queries that have none yet, fifty a call, asked for in the account they
# ran in. A folder that holds nothing yet would be taken for a mistake.
[ -e executions/none.json ] || echo '{"QueryExecutions": []}' > executions/none.json
if [ -n "${CONSUMERS:-}" ]; then
    qs-audit chains -q -c "$CONFIG" --from "$first" --path any --flat --format jsonl |
        jq -r 'select(.query.query_execution_id != null and .query.state == null)
               | [.consumer_account_id, .query.region, .query.query_execution_id] | @tsv' |
        sort -u > lacking
fi
today="$(date -u +%F)"
for consumer in ${CONSUMERS:-}; do
    account="${consumer%%:*}"
    rest="${consumer#*:}"
    region="${rest%%:*}"
    role="${rest#*:}"
    awk -v account="$account" -v region="$region" '$1 == account && $2 == region { print $3 }' lacking |
        xargs -r -n 50 > query-ids
    [ -s query-ids ] || continue
    if ! credentials="$(aws sts assume-role --role-arn "$role" --role-session-name qs-audit --output json)"; then
        warn "$role could not be assumed: nothing is known of bytes in $account"
        continue
    fi
    of() { printf %s "$credentials" | jq -r ".Credentials.$1"; }
    number=0
    while read -r ids; do
        number=$((number + 1))
        # Ids are words without blanks or quotes: the shell is to split them.
        # shellcheck disable=SC2086
        AWS_ACCESS_KEY_ID="$(of AccessKeyId)" AWS_SECRET_ACCESS_KEY="$(of SecretAccessKey)" \
            AWS_SESSION_TOKEN="$(of SessionToken)" \
            fetch "executions/$account-$region-$today-$number.json" \
            aws athena batch-get-query-execution --region "$region" --output json --query-execution-ids $ids
    done < query-ids
done
rm -f lacking query-ids

night="$(date -u -d yesterday +%F)"
strict=""
[ "${STRICT:-}" != yes ] || strict=--strict
# shellcheck disable=SC2086
qs-audit report -q -c "$CONFIG" --fail-on "${FAIL_ON:-high}" $strict || status=$?
case "$status" in
0 | 3 | 4 | 5 | 10)
    if [ -n "${REPORTS:-}" ]; then
        aws s3 sync "reports/nightly/$night" "$REPORTS/nightly/$night" --only-show-errors ||
            warn "the report could not be kept"
        aws s3 sync executions "$REPORTS/executions" --only-show-errors ||
            warn "statistics could not be kept"
    fi
    if [ "$status" -ne 0 ] && [ "${TELL:-}" = yes ]; then
        cat "reports/nightly/$night/report.md"
    fi
    ;;
esac
[ "$status" -ne 0 ] || status=$problems
exit "$status"
