#!/bin/sh
# A workload that turns into another: two traces one behind the other through
# one cache. Misses over time of LRU, selector, learned and Belady, who rules in
# the selector, and what predis-drift says of each window against one of the
# first trace; drawn as one SVG, with the sums as text.
#
#   regime.sh [-o FOLDER] FIRST SECOND OBJECTS WINDOW
#
# Without operands the two that share/doc/bench.md shows, into share/doc. The
# model is trained on the first half of the first trace and never again.
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
. "$top/tests/bench/traces.sh"
out=$top/share/doc
[ "${1:-}" = -o ] && out=$2 && shift 2

# drift: a line for each window: the mean distance D of all features that could
# be compared with those of the last window before the middle of the first trace,
# where training ended, and how many drifted.
drift() {
	part() { # NUMBER: its requests as rows of features
		{
			echo time,key,size,op
			sed -n "$(($1 * window + 1)),$((($1 + 1) * window))p" \
			    "$work/joined"
		} | predis-sample import --time-unit seq - |
		    predis-sample features -q -o "$work/part.pds" -
	}
	part $(($(cat "$work/change") / 2 / window - 1)) &&
	    predis-drift profile -q -o "$work/reference.pdp" \
	    "$work/part.pds" || exit 2
	i=0
	while [ $i -lt $(($(wc -l <"$work/joined") / window)) ]; do
		part $i
		predis-drift test -q --profile "$work/reference.pdp" --json \
		    "$work/part.pds" | jq -s -r '
			(map(.d_low // empty) | if . == [] then 0
				else add / length end) as $d |
			"\($d) \(map(select(.drift == true and
			    .record == "feature")) | length)"'
		rm -f "$work/part.pds"
		i=$((i + 1))
	done
}

# one FIRST SECOND OBJECTS WINDOW
one() {
	files=$(TRACES="$1 $2" trace_files) || exit 2
	a=$(echo "$files" | sed -n 1p) b=$(echo "$files" | sed -n 2p)
	window=$4
	rm -f "$work/model.pdm"
	predis-retrain train -q -t 50% -c "$3" -o "$work/model.pdm" "$a" \
	    >/dev/null || exit 2
	predis-replay -q --join -p lru,selector,learned,belady -s "$3" \
	    -m "$work/model.pdm" --window "$window" --json "$a" "$b" \
	    >"$work/rows" || exit 2
	first=0
	for f in "$a" "$b"; do
		first=$((first + 1))
		zcat -f "$f" | awk -F, -v OFS=, -v p=$first \
		    'NR > 1 { print 0, p "-" $2, 1, "get" }'
		[ $first = 2 ] || zcat -f "$f" | awk 'END { print NR - 1 }' \
		    >"$work/change"
	done >"$work/joined"
	drift >"$work/drift"
	jq -r 'select(.window != null) | [.policy, .window, .requests, .misses,
	    .ruling // "-"] | @tsv' "$work/rows" |
	    awk -F '\t' -v first="$1" -v second="$2" -v objects="$3" \
		-v window="$window" -v change="$(cat "$work/change")" \
		-v drift="$work/drift" -v svg="$out/regime-$1-$2.svg" \
		-f "$top/tests/bench/regime.awk"
}

if [ $# -eq 4 ]; then
	one "$@"
elif [ $# -eq 0 ]; then
	one web07 weblog424 2048 5000
	one orm_night arc_p3 5000 100000
else
	echo 'usage: regime.sh [-o FOLDER] [FIRST SECOND OBJECTS WINDOW]' >&2
	exit 2
fi
