# Shared by the tests of the floor: streams that are made to hurt, models that
# are wrong, and the judgement. Load after common.bash.

# stream KIND CAPACITY REQUESTS [SEED]: writes KIND.csv (tests/lib/streams.awk).
stream() {
	awk -v kind="$1" -v capacity="$2" -v n="$3" -v seed="${4:-1}" \
	    -f "$TOP/tests/lib/streams.awk" >"$1.csv"
}

STREAMS='random loop floods scans twice drift zipf flip'

# floor LABEL TRACE OPTION...: the selector misses at most 1% more often than LRU
# in what the options count, or SLACK misses more than that, where a change of
# the workload lies within; what does not hold is noted. FLOOR names other
# policies.
floor() {
	local label=$1 trace=$2
	shift 2
	predis-replay -q -p "${FLOOR:-lru,selector}" --json "$@" "$trace" \
	    >floor.rows || return 1
	jq -s -r --arg what "$label" --argjson slack "${SLACK:-0}" '
	    group_by(.size_objects)[] | .[0] as $r |
	    (map({(.policy): .misses}) | add) as $m |
	    ($m | keys[]) as $p | select($m[$p] > 1.01 * $m.lru + $slack) |
	    "\($what) \($r.trace) \($r.size_objects) \($p): " +
	    "\($m[$p]) misses, LRU \($m.lru): " +
	    "+\(($m[$p] / $m.lru - 1) * 1e4 | round / 100)%"' \
	    floor.rows >>floor.bad
}

# floor_holds: what floor() found since the test began.
floor_holds() {
	cat floor.bad
	[ ! -s floor.bad ]
}

# model_of TRACE CAPACITY OUT OPTION...: trains on the trace and writes a model,
# be it worse than LRU on its own hold-out.
model_of() {
	local trace=$1 capacity=$2 out=$3
	shift 3
	predis-retrain train -q -f -c "$capacity" -o "$out" "$@" "$trace" \
	    >train.out 2>&1 || [ -s "$out" ] || {
		cat train.out
		return 1
	}
}

# inverted IN OUT: the model with every leaf's sign turned.
inverted() {
	"$BIN/tests/lib/invert_model" "$1" "$2"
}
