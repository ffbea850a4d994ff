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

@test "orm_night: at least 0.5 M requests a second for learned" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	predis-replay -p learned --train-on 50% -s 0.1%,1%,10% -j \
	    "$d/orm_night.csv.gz" >out
	jq -c '[.size_objects, .misses, .ns_per_request]' out
	jq -s -e 'length == 3 and all(.ns_per_request <= 2000)' out
}

@test "curves of large traces: samples are as near as the manual says" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	set -- --mrc -s 10%,20%,40%,70% -p lru,s3fifo,lirs,arc,belady -j
	for t in orm_night arc_p3; do
		predis-replay "$@" "$d/$t.csv.gz" >>sampled
		predis-replay "$@" --exact "$d/$t.csv.gz" >>exact
	done
	jq -s --slurpfile e exact 'to_entries | map(
	    select(.value.method == "sampled") |
	    .value.miss_ratio - $e[.key].miss_ratio) |
	    {n: length, rms: (map(. * .) | add / length | sqrt),
	    most: (map(fabs) | max)}' sampled >error
	cat error
	jq -e '.n == 32 and .rms <= 0.005 and .most <= 0.012' error
}

@test "a workload that changes: windows, selector and files in one picture" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	predis-replay --join --retrain 20000 --window 4000 -p lru,selector -s 1% \
	    --svg change.svg -j "$d/web07.csv.gz" "$d/weblog424.csv.gz" >out
	[ "$(grep -c 'class="mark"' change.svg)" -eq 2 ]
	grep -q 'selector follows' change.svg
	# it moved, and over the whole it has fewer misses than LRU
	jq -s -e 'map(select(.policy == "selector").ruling) | unique |
	    length > 1' out
	jq -s -e '[("lru", "selector") as $p | map(select(.policy == $p).misses) |
	    add] | .[1] < .[0]' out
}
