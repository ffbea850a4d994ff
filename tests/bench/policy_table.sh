#!/bin/sh
# make bench-policy: every policy of predis-replay on every development trace
# at 0.1%, 1% and 10% of its objects, as miss ratios and as the share that is
# closed of the gap between LRU and Belady.
#
# warm: models are trained on the first half of a trace, every policy has seen
# that half, misses are counted on the second. cold: the whole trace counts and
# models are trained within the run, when the requests have doubled or an
# eighth of the trace (RETRAIN requests) has passed.
#
# Environment:
#   TRACES    files, or names within the folder of traces (default: all there)
#   PREDIS_TRACES  that folder (default: ../shared/traces beside the checkout,
#             else the two traces that ship)
#   SIZES     shares of the objects (0.1%,1%,10%); those that come to fewer
#             than MIN_OBJECTS (100) are left out
#   SEEDS     1; cells are means over the seeds
#   POLICIES  all, or names; lru and belady are added
#   MODES     warm, cold or both (both where predis-replay can retrain)
#   RETRAIN   of cold, requests (an eighth of the trace)
#   RENUMBER=1  keys are replaced by random ones first: nothing may change
#   HALF=1    each trace as two, by the parity of a random number of each key
#   QUICK=1   five short traces at 1% and 10%, warm
#   JSON      write the rows there, one object a line
# shellcheck disable=SC2086
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
SEEDS=${SEEDS:-1} POLICIES=${POLICIES:-all} RETRAIN=${RETRAIN:-}
MIN_OBJECTS=${MIN_OBJECTS:-100} RENUMBER=${RENUMBER:-0} HALF=${HALF:-0}
say() { echo "$*" >&2; }

. "$top/tests/bench/traces.sh"
folder=$(trace_folder)
if [ -e "$folder/miss-ratios.csv" ]; then
	short='web07 weblog424_norobots cphy_vscsi lirs_sprite lirs_multi2'
else
	short='web07 orm_night_head'
fi
if [ "${QUICK:-0}" = 1 ]; then
	TRACES=${TRACES:-$short} SIZES=${SIZES:-1%,10%} MODES=${MODES:-warm}
fi
SIZES=${SIZES:-0.1%,1%,10%}

# rekey FILE PART: other keys, drawn at random, never one twice; with PART 0
# or 1 only the keys of that half.
rekey() {
	zcat -f "$1" | awk -F, -v OFS=, -v part="$2" '
		BEGIN { srand(20) }
		NR == 1 { print; next }
		!($2 in new) {
			do
				r = int(rand() * 2 ^ 26) * 2 ^ 26 + \
				    int(rand() * 2 ^ 26)
			while (r in used)
			used[r] = 1
			new[$2] = sprintf("%.0f", r)
			half[$2] = rand() < 0.5
		}
		part == "" || half[$2] == part { $2 = new[$2]; print }'
}
# The files to play, one a line.
files=$(trace_files) || exit 2
for f in $files; do
	name=$(basename "${f%.gz}" .csv)
	if [ "$HALF" = 1 ]; then
		rekey "$f" 0 >"$work/$name-0.csv"
		rekey "$f" 1 >"$work/$name-1.csv"
		printf '%s\n' "$work/$name-0.csv" "$work/$name-1.csv"
	elif [ "$RENUMBER" = 1 ]; then
		rekey "$f" '' >"$work/$name.csv"
		echo "$work/$name.csv"
	else
		echo "$f"
	fi
done >"$work/files" || exit 2

names=$(predis-replay --list-policies | cut -f 1)
if [ "$POLICIES" = all ]; then
	POLICIES=$(echo "$names" | paste -sd, -)
else
	POLICIES=lru,$POLICIES,belady
fi
POLICIES=$(echo "$POLICIES" | tr , '\n' | awk '!seen[$0]++' | paste -sd, -)
if [ -z "${MODES:-}" ]; then
	MODES=warm
	predis-replay --help | grep -q -- '--retrain' && MODES='warm cold'
fi
[ "$MODES" = both ] && MODES='warm cold'

# play MODE FILE SEED SIZES: rows of JSON.
play() {
	case $1 in
	warm) how='--train-on 50% --from 50%' ;;
	cold) how="--retrain ${RETRAIN:-$((requests / 8))}" ;;
	esac
	predis-replay -q $how --seed "$3" --size "$4" --policy "$POLICIES" \
	    --json "$2"
}

start=$(date +%s)
: >"$work/rows"
while read -r f; do
	# Which shares make a cache that is large enough, and how large.
	sizes_of "$f" "$SIZES" "$MIN_OBJECTS" >"$work/sizes"
	objects=$(cut -d ' ' -f 1 "$work/sizes" | paste -sd, -)
	[ -n "$objects" ] || continue
	requests=$(cut -d ' ' -f 3 "$work/sizes" | head -n 1)
	for mode in $MODES; do
		for seed in $SEEDS; do
			say "$(basename "${f%.gz}" .csv): $mode, seed $seed"
			play "$mode" "$f" "$seed" "$objects" >"$work/out" ||
			    exit 2
			jq -c --arg mode "$mode" --argjson seed "$seed" \
			    --rawfile sizes "$work/sizes" '
			    (.size_objects | tostring) as $n |
			    ($sizes | split("\n") | map(split(" ")) |
				map(select(.[0] == $n))[0]) as $s |
			    {mode: $mode, seed: $seed, share: $s[1]} + .' \
			    "$work/out" >>"$work/rows"
		done
	done
done <"$work/files"
[ -s "$work/rows" ] || { say "no size holds $MIN_OBJECTS objects"; exit 2; }
[ -z "${JSON:-}" ] || cp "$work/rows" "$JSON" || exit 2

jq -r '[.mode, .trace, .share, .size_objects, .policy, .requests, .misses,
    .ns_per_request // 0, .policy_bytes_per_object // -1,
    .training_seconds // 0, .models // 0] | @tsv' "$work/rows" |
    awk -F '\t' -v policies="$POLICIES" -v seeds="$SEEDS" \
	-f "$top/tests/bench/policy_table.awk"
say "$(($(date +%s) - start)) s"
