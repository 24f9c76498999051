# Where .ci/install puts the tools of the tests, and .ci/check finds them.
tools="${QS_AUDIT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/qs-audit/tools}"

# Runs a step, and says how long it took.
step() {
    local name="$1" from="$SECONDS"
    shift
    "$@"
    printf '[%s: %d s]\n' "$name" "$((SECONDS - from))"
}
