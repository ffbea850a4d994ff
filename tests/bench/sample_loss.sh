#!/bin/sh
# What is lost when a model learns from a sample of the keys: models trained on
# the first half of a trace, once on all of it, once on 10% and on 1% of its
# keys (predis-sample import --by key), each asked on the second half.
# For each cell and rate: how many objects of the cache the sample holds, gap
# closed, and what is lost against all keys, in points.
#
# Environment as in policy_table.sh: TRACES, PREDIS_TRACES, SIZES (1%,10%),
# RATES ("1 10% 1%"; the first is compared with), SEEDS (1 2 3: other keys are
# drawn, other models grown), POLICIES (learned, and selector where there is
# one), MIN_OBJECTS (100), JSON.
# shellcheck disable=SC2086
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
. "$top/tests/bench/traces.sh"
SIZES=${SIZES:-1%,10%} RATES=${RATES:-1 10% 1%} SEEDS=${SEEDS:-1 2 3}
MIN_OBJECTS=${MIN_OBJECTS:-100}
if [ -z "${POLICIES:-}" ]; then
	POLICIES=learned
	predis-replay --list-policies | grep -q '^selector' &&
		POLICIES=learned,selector
fi

# cell TRACE OBJECTS SHARE RATE SEED: rows of JSON.
cell() {
	model=
	rm -f "$work/model.pdm"
	predis-retrain train -q -c "$2" --seed "$5" -o "$work/model.pdm" \
	    "$work/sample.pds" >/dev/null 2>"$work/why"
	[ -e "$work/model.pdm" ] && model="--model $work/model.pdm"
	predis-replay -q -p "lru,$POLICIES,belady" --from 50% --seed "$5" \
	    -s "$2" $model --json "$1" |
	    jq -c --arg share "$3" --arg rate "$4" --argjson seed "$5" \
		--argjson trained "$([ -n "$model" ] && echo true || echo false)" \
		--rawfile why "$work/why" '
		{share: $share, rate: $rate, seed: $seed, trained: $trained,
		 why: $why} + .'
}

: >"$work/rows"
files=$(trace_files) || exit 2
for f in $files; do
	name=$(basename "${f%.gz}" .csv)
	sizes_of "$f" "$SIZES" "$MIN_OBJECTS" >"$work/sizes"
	[ -s "$work/sizes" ] || continue
	requests=$(cut -d ' ' -f 3 "$work/sizes" | head -n 1)
	zcat -f "$f" | head -n $((requests / 2 + 1)) >"$work/half.csv"
	for seed in $SEEDS; do
		printf '%032d' "$seed" >"$work/key"
		chmod 600 "$work/key"
		for rate in $RATES; do
			echo "$name: $rate, seed $seed" >&2
			predis-sample import --by key --rate "$rate" \
			    --key-file "$work/key" -o "$work/sample.pds" \
			    "$work/half.csv" 2>"$work/why" || {
				cat "$work/why" >&2
				exit 2
			}
			while read -r objects share _; do
				cell "$f" "$objects" "$share" "$rate" "$seed"
			done <"$work/sizes" >>"$work/rows"
			rm -f "$work/sample.pds"
		done
	done
done
[ -s "$work/rows" ] || { echo 'no cell' >&2; exit 2; }
[ -z "${JSON:-}" ] || cp "$work/rows" "$JSON" || exit 2
jq -r '[.trace, .share, .size_objects, .rate, .policy, .requests, .misses,
    .trained] | @tsv' "$work/rows" |
    awk -F '\t' -v rates="$RATES" -v policies="$POLICIES" \
	-f "$top/tests/bench/sample_loss.awk"
