# predis-replay against the reference figures of every development trace.

setup() {
	load ../lib/common
}

@test "all development traces equal the reference figures" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	run sh "$TOP/tests/lib/compare-replay.sh" "$d/miss-ratios.csv" \
	    "$d"/*.csv.gz
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "orm_night: at least 5 M requests a second for LRU, 1 M for S3-FIFO" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	predis-replay -p lru,s3fifo -s 1%,10% -j "$d/orm_night.csv.gz" >out
	cat out
	jq -s -e 'map(.requests / .seconds >=
	    if .policy == "lru" then 5e6 else 1e6 end) | all' out
}
