# What the learned policy and the selector must do on the development traces:
# the share of the distance between LRU and Belady that they close, and never
# more than 1% more misses than LRU. Cells: 0.1%, 1% and 10% of the objects of
# every trace, 100 objects or more, 0.02 or more between LRU and Belady.

setup() {
	load ../lib/common
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	export SERVED=lru,s3fifo,lirs,qdlp,wtinylfu,learned,selector
}

# table NAME=VALUE...: rows of tests/bench/policy_table.sh in the file rows.
table() {
	env JSON=rows "$@" sh "$TOP/tests/bench/policy_table.sh" 2>/dev/null
}

# cells FILE: one object a cell, means over the seeds: misses relative to LRU's
# and gap closed of each policy, in the order of trace and size.
cells() {
	jq -s -c 'group_by([.trace, .size_objects])[] | . as $c |
	    (group_by(.policy) | map({(.[0].policy):
		(map(.misses) | add / length)}) | add) as $m |
	    {trace: $c[0].trace, share: $c[0].share,
	     judged: (($m.lru - $m.belady) / $c[0].requests >= 0.02),
	     relative: ($m | map_values(. / $m.lru)),
	     gap: ($m | map_values(($m.lru - .) /
		 ([$m.lru - $m.belady, 1] | max)))} |
	    select(.judged)' "$1"
}

@test "warm: every trace, every size" {
	table MODES=warm POLICIES=$SERVED
	cells rows >cells
	jq -s -c '{selector: (map(.gap.selector) | add / length),
	    learned: (map(.gap.learned) | add / length)}' cells
	jq -c 'select(.relative.selector > 1.01)' cells
	jq -s -e 'map(.relative.selector) | max <= 1.01' cells
	jq -s -e 'map(.gap.selector) | add / length >= 0.36' cells
	jq -s -e 'map(.gap.learned) | add / length >= 0.30' cells
}

@test "cold: every trace but the two long ones" {
	table MODES=cold POLICIES=$SERVED TRACES="$(cd "$d" && echo *.csv.gz |
	    sed 's/arc_p3.csv.gz//; s/orm_night.csv.gz//')"
	cells rows >cells
	jq -c 'select(.relative.selector > 1.01)' cells
	jq -s -e 'map(.relative.selector) | max <= 1.01' cells
	jq -s -e 'map(.gap.selector) | add / length >= 0.25' cells
}

@test "other seeds, the same quality" {
	short='web07 weblog424 cphy_vscsi lirs_multi2 tencent_ns3300'
	for s in 1 2 3; do
		table MODES=warm POLICIES=learned,selector SEEDS=$s \
		    TRACES="$short" SIZES=1%,10%
		cells rows >cells.$s
		jq -s -e 'map(.relative.selector) | max <= 1.01' cells.$s
		jq -s 'map(.gap.selector) | add / length' cells.$s >>means
	done
	cat means
	jq -s -e 'max - min < 0.04' means
}

@test "other keys, the same quality: nothing is learned from a key's value" {
	short='web07 weblog424 cphy_vscsi tencent_ns3300'
	table MODES=warm POLICIES=learned,selector TRACES="$short" SIZES=1%,10%
	cells rows >as-they-are
	table MODES=warm POLICIES=learned,selector TRACES="$short" SIZES=1%,10% \
	    RENUMBER=1
	cells rows >renumbered
	paste as-they-are renumbered
	jq -s -e 'map(.gap.learned) | add / length' as-they-are renumbered >means
	jq -s -e 'map(.gap.selector) | add / length' as-they-are renumbered \
	    >>means
	jq -s -e '(.[0] - .[1] | fabs) < 0.03 and (.[2] - .[3] | fabs) < 0.03' \
	    means
}

@test "half of the keys is another trace: no worse than LRU there" {
	table MODES=warm POLICIES=learned,selector HALF=1 SIZES=1%,10% \
	    TRACES='web07 weblog424 cphy_vscsi lirs_sprite tencent_ns3300'
	cells rows | tee cells
	jq -s -e 'map(.relative.selector) | max <= 1.01' cells
	jq -s -e 'map(.gap.selector) | add / length >= 0.25' cells
}

@test "orm_night: at least half a million requests a second" {
	predis-replay -p learned --train-on 50% -s 1%,10% --jobs 1 -j \
	    "$d/orm_night.csv.gz" | tee out
	jq -s -e 'map(1e9 / .ns_per_request >= 5e5) | all' out
}
