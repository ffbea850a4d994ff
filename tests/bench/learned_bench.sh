#!/bin/sh
# The learned policy beside fixed ones: ns a request of the whole simulation,
# warm, on the trace that ships, and what training costs.
set -eu
trace=${PREDIS_BENCH_TRACE:-share/traces/orm_night_head.csv.gz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
for c in 1% 10%; do
	start=$(date +%s.%N)
	predis-retrain train -q -t 50% -c "$c" -o "$work/m.pdm" "$trace" \
	    >/dev/null || continue
	end=$(date +%s.%N)
	predis-replay -p lru,s3fifo,wtinylfu,learned -m "$work/m.pdm" \
	    -s "$c" -j "$trace" |
	    jq -r --arg c "$c" '"\($c)\t\(.policy)\t\(
	    .seconds / .requests * 1e9 | round) ns a request\tmiss ratio \(
	    .miss_ratio)"'
	echo "$c	training	$(awk "BEGIN {print $end - $start}") s"
done
