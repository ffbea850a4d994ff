# The learned policy against LRU and Belady on second halves of the development
# traces, trained on the first halves, three seeds: no cell more than 1% worse
# than LRU, and a mean share of the distance to Belady closed of at least 36%.

setup() {
	load ../lib/common
}

# table SEED TRACE...: rows of JSON.
table() {
	local s=$1 t
	shift
	for t; do
		predis-replay -p lru,s3fifo,learned,belady --train-on 50% \
		    -f 50% -s 1%,10% --seed "$s" -j "$t"
	done
}

# cells FILE: trace, size, gap closed, misses relative to LRU.
cells() {
	jq -s -c 'group_by([.trace, .size_objects])[] |
	    {trace: .[0].trace, size: .[0].size_objects} +
	    ((map({(.policy): .misses}) | add) |
	     {gap: ((.lru - .learned) / (.lru - .belady)),
	      s3fifo: ((.lru - .s3fifo) / (.lru - .belady)),
	      relative: (.learned / .lru)})' "$1"
}

@test "development traces, 1% and 10%, three seeds" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	for s in 1 2 3; do
		table $s "$d/web07.csv.gz" "$d/weblog424.csv.gz" \
		    "$d/cphy_vscsi.csv.gz" "$d/orm_night.csv.gz" >rows
		cells rows >cells
		cat cells
		jq -s -e 'map(.relative) | max <= 1.01' cells
		jq -s -e 'map(.gap) | add / length >= 0.36' cells
	done
}

@test "the other traces: no cell worse than LRU" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	table 1 "$d/weblog424_norobots.csv.gz" "$d/lirs_multi2.csv.gz" \
	    "$d/lirs_sprite.csv.gz" "$d/tencent_ns1326.csv.gz" \
	    "$d/tencent_ns3300.csv.gz" "$d/tencent_ns6579.csv.gz" >rows
	cells rows | tee cells
	jq -s -e 'map(select(.size >= 100)) | map(.relative) | max <= 1.01' \
	    cells
	jq -s -e 'map(select(.size >= 100)) | map(.gap) | add / length >= 0.25' \
	    cells
}

@test "other keys, the same quality: nothing is learned from a key's value" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	zcat "$d/weblog424.csv.gz" | awk -F, -v OFS=, 'NR > 1 {
		if (!($2 in n)) n[$2] = ++c
		$2 = n[$2] * 7919 % 1000003
	} {print}' >renumbered.csv
	table 1 "$d/weblog424.csv.gz" renumbered.csv >rows
	cells rows | tee cells
	jq -s -e 'group_by(.size)[] | (.[0].gap - .[1].gap) |
	    . < 0.04 and . > -0.04' cells
}

@test "orm_night: at least half a million requests a second" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	predis-replay -p learned --train-on 50% -s 1%,10% -j \
	    "$d/orm_night.csv.gz" | tee out
	jq -s -e 'map(2000000 / .seconds >= 5e5) | all' out
}
