#!/bin/sh
# A short libFuzzer run of each parser; FUZZ_SECONDS each (default 10).
# Prints one TAP line a parser; a crash prints its input's name and fails.
set -u
B=${B:-build-fuzz}
cd "$(dirname "$0")/../.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
n=0 bad=0
for t in "$B"/tests/fuzz/*_fuzz; do
	[ -x "$t" ] || continue
	name=$(basename "$t" _fuzz)
	n=$((n + 1))
	mkdir -p "$work/$name"
	if "$t" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=10 \
	    -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix="$B/crash-$name-" "$work/$name" \
	    "tests/fuzz/corpus/$name" >"$work/log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
		echo "ok $n - fuzz $name: ${runs:-0} inputs"
	else
		tail -n 60 "$work/log"
		echo "not ok $n - fuzz $name"
		bad=1
	fi
done
exit $bad
