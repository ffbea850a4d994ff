# PREDIS.EXPLAIN, PREDIS.GHOST and what PREDIS.STATS says of other policies.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

cli() { redis-cli -p "$PORT" "$@"; }
# field NAME: the line after NAME in a reply on standard input.
field() { sed -n "/^$1\$/{n;p;q;}"; }
# of KEY NAME: a field of its explanation.
of() { cli predis.explain "$1" | field "$2"; }
# play SHARE: that much of a trace, and the server's keys in the order of it.
play() {
	predis-replay --server "127.0.0.1:$PORT" --to "$1" --value-size 10 \
	    "$TOP/share/traces/web07.csv.gz" >played
}

@test "a resident without a model: what is recorded, and 20 features" {
	start_serve --maxobjects 100 --policy learned
	cli set a value EX 1000
	for i in 1 2 3; do cli get a; done
	cli set b x
	before=$(cli predis.stats | grep -A 1 -x -e hits -e misses -e tick)
	cli predis.explain a >reply
	[ "$(field state <reply)" = resident ]
	[ "$(field policy <reply)" = learned ]
	[ "$(field ruling <reply)" = learned ]
	[ -z "$(field model <reply)" ]
	[ "$(field value_bytes <reply)" = 5 ]
	[ "$(field hits <reply)" = 3 ]
	[ "$(field accesses_known <reply)" = 4 ]
	[ "$(field inserted_tick <reply)" = 1 ]
	[ "$(field asked_tick <reply)" = 4 ]
	[ "$(field age_ticks <reply)" = 1 ]
	[ "$(field residence_ticks <reply)" = 4 ]
	[ "$(field asked_seconds_ago <reply)" -le 60 ]
	[ "$(field ttl_ms <reply)" -gt 900000 ]
	[ "$(field queue_position <reply)" = 1 ]
	[ "$(grep -cx unit reply)" = 20 ]
	run ! grep -qx -e score -e contribution -e rank reply
	[ "$(of b ttl_ms)" = -1 ]
	[ "$(cli predis.stats | grep -A 1 -x -e hits -e misses -e tick)" = "$before" ]
}

@test "RESP3 is a map, RESP2 an array of the same pairs, TEXT a text" {
	start_serve --maxobjects 100 --policy learned
	cli set a value
	cli -2 --json predis.explain a >two
	cli -3 --json predis.explain a >three
	jq -e 'type == "array" and .[0] == "state" and .[1] == "resident"' two
	jq -e '.state == "resident" and .value_bytes == 5 and
	    (.features | length == 20 and
	    all(.[]; has("name") and has("unit") and has("value")))' three
	[ "$(jq 'length / 2' two)" = "$(jq length three)" ]
	[ "$(jq -c '[.[range(0; length; 2)]]' two)" = "$(jq -c keys_unsorted three)" ]
	cli predis.explain a TEXT >text
	grep -Eqx 'state +resident' text
	grep -Eq '^  age +-?[0-9.]+ oct|^  age +nan oct' text
	[[ $(cli predis.explain a json) == *"syntax error"* ]]
	[[ $(cli predis.explain a text more) == *"syntax error"* ]]
	[[ $(cli predis.explain) == *"wrong number"* ]]
	[ "$(cli command getkeys predis.explain a)" = a ]
}

@test "with a model: contributions add up, a rank, and who left for its score" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	predis-retrain train -q -f -c 1000 -o m.pdm \
	    "$TOP/share/traces/web07.csv.gz" >/dev/null || [ $? -eq 1 ]
	start_serve --maxobjects 1000 --policy learned --model m.pdm
	play 20%
	for i in 1 2 3 4 5; do
		k=$(cli randomkey)
		cli -3 --json predis.explain "$k" >x
		jq -e '.model == "m" and .state == "resident" and
		    .rank >= 1 and .rank <= .candidates + 1 and
		    .candidates == 64 and .attribution == "cover" and
		    ((.score | tonumber) - (.score_bias | tonumber) -
			([.features[].contribution | tonumber] | add)
			| fabs) < 1e-4 and
		    ([.features[].contribution | tonumber | fabs] |
			. == (sort | reverse))' x
	done
	names=$(jq -r '.features[].name' x)
	for n in $names; do
		grep -qw "$n" "$TOP/man/predis-features.7"
	done
	# And those that its score evicted.
	zcat "$TOP/share/traces/web07.csv.gz" | awk -F, 'NR > 1 && NR < 3000 &&
	    !($2 in s) { s[$2]; print "predis.explain", $2 }' | cli >all
	grep -qx score all
	digest=$(cli predis.model info | field digest)
	[ "$(grep -x -A 1 gone_model_digest all | sed -n 2p)" = "${digest:0:8}" ]
	grep -qx gone_score all
}

@test "evicted, expired, deleted, flushed and unknown keys" {
	start_serve --maxobjects 10 --policy learned
	for i in $(seq 12); do echo "set k$i v"; done | cli >/dev/null
	cli predis.explain k1 >x
	[ "$(field state <x)" = absent ]
	[ "$(field reason <x)" = lru-end ]
	[ "$(field gone_tick <x)" = 11 ]
	[ "$(field gone_ticks_ago <x)" = 1 ]
	[ "$(field gone_policy <x)" = learned ]
	[ "$(field gone_age_ticks <x)" = 10 ]
	[ "$(field gone_residence_ticks <x)" = 10 ]
	[ "$(field gone_hits <x)" = 0 ]
	[ "$(field gone_accesses_known <x)" = 1 ]
	cli del k5
	[ "$(of k5 reason)" = deleted ]
	cli set short v PX 1
	sleep 0.1
	[ "$(of short reason)" = expired ]
	cli predis.explain never >x
	[ "$(field reason <x)" = unknown ]
	grep -q 'cannot be told apart' x
	run ! grep -q gone_ x
	cli predis.policy s3fifo
	for i in $(seq 20 40); do echo "set k$i v"; done | cli >/dev/null
	[ "$(of k20 reason)" = policy ]
	[ "$(of k20 gone_policy)" = s3fifo ]
	cli flushall
	[ "$(of k40 reason)" = flushed ]
	[ "$(of k1 reason)" = lru-end ]
	[ "$(of never flushed_seconds_ago)" -le 60 ]
	# It comes back: a resident again.
	cli set k1 v
	[ "$(of k1 state)" = resident ]
}

@test "the log is bounded by its option, counted, and may be none" {
	start_serve --maxobjects 10 --policy lru --eviction-log 4000
	for i in $(seq 200); do echo "set k$i v"; done | cli >/dev/null
	[ "$(of k190 reason)" = lru-end ]
	[ "$(of k91 reason)" = lru-end ]
	[ "$(of k90 reason)" = unknown ]
	[ "$(of k90 log_entries)" = 100 ]
	[ "$(of k90 log_size)" = 100 ]
	bytes=$(cli info memory | tr -d '\r' |
	    sed -n 's/^used_memory_eviction_log://p')
	[ "$bytes" -ge 4000 ] && [ "$bytes" -lt 4200 ]
	stop_serve
	start_serve --maxobjects 10 --policy lru --eviction-log 0
	for i in $(seq 20); do echo "set k$i v"; done | cli >/dev/null
	[ "$(of k1 reason)" = unknown ]
	[ "$(of k1 log_size)" = 0 ]
	stop_serve
	run -2 --separate-stderr timeout 10 predis-serve --port 0 -m 1M \
	    --eviction-log 300k
	[[ $stderr == *"--eviction-log: at most a quarter of --maxmemory"* ]]
}

@test "a selector says which expert rules" {
	start_serve --maxobjects 100 --policy selector
	cli set a v
	cli predis.explain a >x
	[ "$(field policy <x)" = selector ]
	[ "$(field ruling <x)" = lru ]
	[ "$(field accesses_known <x)" = 1 ]
	for i in $(seq 200); do echo "set k$i v"; done | cli >/dev/null
	[ "$(of a reason)" = lru-end ]
	[ "$(of a gone_policy)" = lru ]
}

@test "at a rate of 1 the ghost LRU is a server that is LRU" {
	start_serve --maxobjects 1000 --policy s3fifo
	play 30%
	cli predis.stats >s3fifo
	lru=$(field lru_hits <s3fifo)
	[ "$(field ghost_rate_ppm <s3fifo)" = 1000000 ]
	[ "$(field lru_hits_gained_se <s3fifo)" = 0 ]
	[ "$(field builtin_policy <s3fifo)" = s3fifo ]
	[ "$(field builtin_hits_gained <s3fifo)" = 0 ]
	[ "$(field hits <s3fifo)" = "$(field builtin_hits <s3fifo)" ]
	[ "$(field lru_hits_gained <s3fifo)" -eq $(($(field hits <s3fifo) - lru)) ]
	[ "$(cli info predis | tr -d '\r' | sed -n 's/^lru_hits://p')" = "$lru" ]
	cli -3 --json predis.ghost >ghosts
	jq -e '[.[].name] == ["lru", "builtin", "eviction-age"] and
	    all(.[]; .capacity_objects == 1000 and .sampled_objects == 1000 and
		.rate_ppm == 1000000 and .memory_bytes > 0)' ghosts
	[ "$(jq '.[0].sampled_hits' ghosts)" = "$lru" ]
	cli config resetstat
	[ "$(cli predis.stats | field lru_hits)" = 0 ]
	[ "$(cli predis.stats | field ghost_seen)" = 0 ]
	stop_serve
	start_serve --maxobjects 1000 --policy lru
	play 30%
	[ "$(cli predis.stats | field hits)" = "$lru" ]
	[ "$(cli predis.stats | field lru_hits_gained)" = 0 ]
}

@test "a ghost does not hold what was deleted, expired or never stored" {
	start_serve --maxobjects 2 --policy lru
	{
		echo "set a 1"
		echo "set b 1"
		echo "get a"
		echo "get none"
		echo "get none"
	} | cli >/dev/null
	[ "$(cli predis.stats | field ghost_hits)" = 1 ]
	cli del a
	cli get a
	cli set c 1 PX 1
	sleep 0.1
	cli get c
	cli get b
	[ "$(cli predis.stats | field ghost_hits)" = 2 ]
	[ "$(cli predis.stats | field ghost_seen)" = 6 ]
}
