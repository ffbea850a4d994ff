# What an operation and a key cost, counted and not timed: a change that makes
# the server dearer fails here. The benchmark of the same (make bench-serve)
# says how it compares with others.

setup() {
	load ../lib/common
	command -v predis-retrain >/dev/null || skip 'built without training'
	command -v redis-cli >/dev/null || skip 'no redis-cli'
}

# cost PARTS [NAME=VALUE...]: figures of predis-serve alone, in the file figures.
cost() {
	local parts=$1
	shift
	env PARTS="$parts" PEER= POLICIES=selector JSON=figures "$@" \
	    sh "$TOP/tests/bench/serve_bench.sh" >out 2>&1
	cat out
}

# at_most PART WHAT LIMIT [SERVER]: the figure is there, and not above it.
at_most() {
	jq -s -e --arg part "$1" --arg what "$2" --argjson limit "$3" \
	    --arg server "${4:-selector}" '
	    map(select(.part == $part and .what == $what and
		.server == $server) | .value) |
	    length == 1 and .[0] > 0 and .[0] <= $limit' figures
}

@test "user instructions of GET and SET in batches of 16" {
	command -v valgrind >/dev/null || skip 'no valgrind'
	command -v taskset >/dev/null || skip 'no taskset'
	cost instructions COUNT=10000 COUNT_PIPELINES=16
	at_most instructions 'get P16' 2000
	at_most instructions 'set P16' 2200
}

# What decides runs whether the tap is on or off; what is counted here is what a
# sample costs, spread over the operations, and that nothing else was added.
@test "user instructions of an operation for the tap at 0.1%" {
	command -v valgrind >/dev/null || skip 'no valgrind'
	command -v taskset >/dev/null || skip 'no taskset'
	env PARTS=instructions COUNT=3000 COUNTS=1 KEYS=10000 JSON=figures \
	    sh "$TOP/tests/bench/sample_bench.sh" >out 2>&1
	cat out
	jq -s -e 'map(select(.server == "off") | .value) |
	    length == 2 and all(. > 300)' figures
	jq -s -e 'map(select(.bar) | .ok) | length == 8 and all' figures
	# Everything: it can tell the difference.
	jq -s -e 'map(select(.server == "all") | .value) |
	    length == 2 and all(. > 100)' figures
}

@test "start to the first PONG: far less than a second" {
	cost start STARTS=3
	at_most start 'first PONG, CPU' 60
	at_most start 'first PONG, wall' 1000
}

# The bars are for a million keys (156 bytes, 162 with a TTL). 200,000 pay five
# times as much for what does not grow with them: about 2.5 MB, 12 bytes a key.
@test "bytes of memory a key, at 200,000 keys" {
	command -v taskset >/dev/null || skip 'no taskset'
	cost memory KEYS=200000 LOADS=1 LOADED='10,0 10,86400'
	at_most memory 'RSS, 200000 keys' 150 lru
	at_most memory 'RSS, 200000 keys' 174
	at_most memory 'RSS, 200000 keys, TTL' 158 lru
	at_most memory 'RSS, 200000 keys, TTL' 182
}
