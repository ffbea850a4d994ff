# The benchmarks that print tables run and say what they ran on; what they find
# is in share/doc/bench.md and judged in tests/long/learned.bats.

setup() {
	load ../lib/common
	command -v predis-retrain >/dev/null || skip 'built without training'
}

@test "bench-policy: rows as JSON, a line for every policy, what it played" {
	TRACES="$TOP/share/traces/web07.csv.gz" SIZES=0.1%,10% MODES=warm \
	    POLICIES=lfu,qdlp,selector JSON=rows \
	    sh "$TOP/tests/bench/policy_table.sh" >out 2>err
	jq -s -e 'length == 5 and all(.[]; .mode == "warm" and .share == "10%"
	    and .requests == 38059)' rows
	# 0.1% are 20 objects: left out.
	! grep -q '0\.1%' out
	jq -r 'select(.policy == "lfu") | .misses / .requests' rows >ratio
	grep -q "^web07 .* $(xargs printf %.4f <ratio)" out
	grep -q '^lfu  *1 .* web07 10%  *1 ' out
	grep -q '^warm selector: [01] cells more than 1% worse than LRU' out
}

@test "bench-policy: other keys and halves of the keys" {
	awk 'BEGIN { print "time,key,size,op"
	    for (i = 0; i < 9000; i++) print i "," i * i % 2003 ",1,get" }' >t.csv
	for how in RENUMBER HALF; do
		env $how=1 TRACES=t.csv SIZES=30% MODES=warm POLICIES=2q \
		    JSON=$how sh "$TOP/tests/bench/policy_table.sh" >out 2>err
	done
	predis-replay -p 2q -s 30% --from 50% -j t.csv >plain
	jq -s -e 'map(select(.policy == "2q").misses) | length == 2 and
	    .[0] == .[1]' plain RENUMBER
	jq -s -e 'map(.trace) | unique == ["t-0", "t-1"]' HALF
	jq -s -e 'map(select(.policy == "lru").requests) | add | . >= 4499 and . <= 4501' HALF
}

@test "bench-serve: its parts run, and tell figures beside bars" {
	for p in redis-server redis-benchmark taskset; do
		command -v $p >/dev/null || skip "no $p"
	done
	parts='speed evict memory start stall'
	command -v memcached >/dev/null && parts="$parts peers"
	QUICK=1 KEYS=3000 EVICT_KEYS=30000 PEER_KEYS=2000 PAIRS=1 N=500 STARTS=1 \
	    PIPELINES=16 POLICIES=selector PARTS="$parts" JSON=figures \
	    sh "$TOP/tests/bench/serve_bench.sh" >out 2>err
	cat out err
	[ ! -s err ]
	for part in $parts load; do
		jq -s -e --arg part $part 'map(select(.part == $part)) |
		    length > 0 and all(.[]; .value >= 0 and
			(.bar == null or .ok == (.value <= .bar)))' figures
	done
	# A ratio is one of the figures beside it; one round has no spread.
	jq -s -e 'map(select(.unit == "x redis")) | length > 5 and
	    all(.[]; .low == .high and
		((.value - .ours / .peer) | fabs) < 0.01)' figures
	# What was evicted was asked again and missed.
	jq -s -e 'map(select(.what == "aside miss ratio") | .value) |
	    length == 3 and all(.[]; . > 0.01 and . < 0.9)' figures
	grep -q "^[0-9]* of [0-9]* bars missed" out
}
