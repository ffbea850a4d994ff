# predis-sample stat and top: what the traffic is like, from a real server.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	set -o pipefail # jq takes an empty input for the truth
}

teardown() {
	[ -z "${TOP_PID:-}" ] || kill "$TOP_PID" 2>/dev/null || true
	[ ! -s redis.pid ] || kill "$(cat redis.pid)" 2>/dev/null || true
	stop_serve
}

# traffic: 60000 GETs over skewed keys and 20000 SETs, in three databases.
traffic() {
	awk 'BEGIN { s = 7
	    for (i = 0; i < 80000; i++) {
		s = (s * 16807) % 2147483647
		u = s / 2147483647
		k = int(5000 * u * u)
		if (i % 4 == 0)
			printf "SET k%d %0100d EX 500\r\n", k, 0
		else
			printf "GET k%d\r\n", k
	    } }'
}

# drive: sends it, and waits for all answers.
drive() {
	traffic | redis-cli -p "$PORT" --pipe >piped
	grep -q 'errors: 0' piped
}

keyspace() {
	redis-cli -p "$PORT" info stats | tr -d '\r' |
	    sed -n "s/^keyspace_$1://p"
}

# record OPTION...: what a server's tap has of the traffic, in s.pds; all of
# it, for rings and sockets have room for it.
record() {
	start_serve --maxmemory 256M --maxobjects 2000 --tap ./tap "$@"
	predis-sample tap ./tap -o s.pds 3>&- &
	TOP_PID=$!
	wait_for tapped 1
	drive
	hits=$(keyspace hits)
	misses=$(keyspace misses)
	stop_serve
	wait "$TOP_PID"
	TOP_PID=
	predis-sample info --json s.pds >info
	jq -e '.lost_at_source == 0 and .end == "marked"' info
}

# close MEMBER TRUE TIMES: it is within TIMES standard errors (from stat.json).
close() {
	jq -e --arg m "$1" --argjson t "$2" --argjson n "$3" '
	    (.[$m] - $t) as $d | .[$m + "_se"] as $se |
	    $se > 0 and ($d * $d) < ($n * $n * $se * $se)' stat.json
}

# told FILTER: the last report in "out" is so.
told() { jq -s -e "length > 0 and (last | $1)" out; }

@test "stat of everything is what the server counted" {
	record --tap-rate 1
	predis-sample stat --json s.pds >stat.json
	fits sample-stat <stat.json
	jq -e --argjson h "$hits" --argjson m "$misses" '
	    .sampling == "none" and .events == 80000 and
	    .requests == 80000 and .requests_se == 0 and
	    .ticks == .accesses and
	    .gets == $h + $m and .hit_ratio == $h / ($h + $m) and
	    .hit_ratio_se == 0 and .bytes_in == 2000000 and
	    .bytes_out == 100 * $h and .ttl_share == 1 and
	    .ttl_ms_max == 500000 and .size_bytes_p50 == 100 and
	    ([.ops[].op] | sort) == ["get", "set"] and
	    (.ops[] | select(.op == "set") | .share == 0.25) and
	    (.namespaces | length) == 1' stat.json
	# Keys, gaps and one-hit keys, told from the events one by one.
	predis-sample print --csv s.pds | awk -F, '
	    NR > 1 && $6 == 0 { n[$3]++
		if ($3 in last) gap[++g] = $2 - last[$3]
		last[$3] = $2 }
	    END { for (k in n) { keys++; once += n[k] == 1 }
		print keys, once / keys, g }' >told
	read -r keys once _ <told
	jq -e --argjson k "$keys" --argjson o "$once" '.keys == $k and
	    (.one_hit_share - $o | fabs) < 0.00001' stat.json
	# The rate over time adds up.
	jq -e '.rate_width_seconds as $w | [.rate_requests_per_second[:-1][] *
	    $w] | add | . > 70000 and . <= 80000.01' stat.json
	predis-sample stat s.pds >text
	grep -Eq '^requests +80.0k' text
	grep -q 'Requests a second' text
	predis-sample stat --no-plot - <s.pds >short
	run ! grep -q 'Requests a second' short
	run ! grep -q ' +-' short
}

@test "stat of a sample is near, as near as it says" {
	for how in "key 20%" "event 5%"; do
		rm -f port s.pds
		record --tap-by "${how% *}" --tap-rate "${how#* }"
		predis-sample stat --json s.pds >stat.json
		fits sample-stat <stat.json
		jq -e --arg s "${how% *}" '.sampling == $s' stat.json
		close requests 80000 5
		close gets $((hits + misses)) 5
		jq -e '.ticks > 70000 and .ticks <= 80000' stat.json
		close bytes_in 2000000 5
		ratio=$(echo "$hits $misses" | awk '{ print $1 / ($1 + $2) }')
		close hit_ratio "$ratio" 5
		# Whole keys tell of keys, others do not.
		[ "${how% *}" = event ] || jq -e '.keys > 2000 and
		    .keys_se > 0 and .gap_ticks_p50 > 0 and
		    .one_hit_share != null' stat.json
	done
	jq -e '.keys == null and .one_hit_share == null and
	    .gap_ticks_p50 == null' stat.json
}

@test "stat of what was sampled in several ways: one of them" {
	record --tap-rate key=30%,event=10%
	run -2 predis-sample stat s.pds
	predis-sample stat --json --scheme event s.pds >stat.json
	jq -e '.sampling == "event" and .rate == 0.1 and .keys == null' stat.json
	close requests 80000 5
	predis-sample stat --json --scheme key s.pds >stat.json
	jq -e '.sampling == "key" and .rate == 0.3 and .keys > 3000' stat.json
	close requests 80000 5
}

@test "stat says what it cannot tell" {
	printf 'time,key,size,op\n0,a,10,get\n1,b,20,set\n2,a,10,get\n' >t.csv
	predis-sample stat --json t.csv >stat.json
	fits sample-stat <stat.json
	jq -e '.requests == 3 and .gap_ticks_max == 2 and .keys == 2 and
	    .one_hit_share == 0.5 and .seconds == 2' stat.json
	predis-sample stat --time-unit seq --json t.csv |
	    jq -e '.seconds == null and .requests_per_second == null'
	predis-sample stat --time-unit seq t.csv >text
	grep -q 'no time' text
	echo 'time,key,size,op' >none.csv
	run -3 --separate-stderr predis-sample stat none.csv
	[[ $stderr == *'holds no event'* ]]
	predis-sample import t.csv -o t.pds
	run -2 predis-sample stat --scheme other t.pds
	run -3 predis-sample stat --scheme event t.pds
	# A damaged stream is told, and the rest used.
	seq 100000 | awk '{ print $1 "," $1 % 777 ",5,get" }' |
	    predis-sample import - -o big.pds
	size=$(stat -c %s big.pds)
	printf x | dd of=big.pds bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	run -1 --separate-stderr predis-sample stat --json big.pds
	[[ $stderr == *damaged* ]]
	echo "$output" | jq -e '.events > 30000 and .records_lost > 0'
	run -2 predis-sample stat absent.pds
}

@test "stat of several files, and of what was recorded" {
	start_serve --maxmemory 256M --tap ./tap --tap-rate 1
	predis-sample record --from ./tap -d rec --batch-time 100ms 3>&- &
	TOP_PID=$!
	wait_for tapped 1
	drive
	all() { # of an empty input jq says nothing, and 0
		predis-sample stat --json rec |
		    jq -s -e 'length == 1 and .[0].events == 80000'
	}
	wait_for all # while it grows
	predis-sample stat --json rec >stat.json
	jq -e '.file == "rec" and .requests == 80000' stat.json
	kill -TERM "$TOP_PID"
	wait "$TOP_PID"
	TOP_PID=
	predis-sample stat --json rec | fits sample-stat
	predis-sample cat rec -o one.pds
	predis-sample stat --json one.pds | jq -e '.events == 80000'
	predis-sample stat --json one.pds one.pds |
	    jq -e '.file == "2 files" and .events == 160000'
}

@test "top shows a server while it works" {
	start_serve --maxmemory 256M --maxobjects 2000 --tap ./tap --tap-rate 1
	predis-sample tap --count 80000 -o s.pds ./tap 3>&- &
	tap=$!
	predis-sample top --json --interval 300ms ./tap >out 3>&- &
	TOP_PID=$!
	wait_for tapped 2
	drive
	wait "$tap"
	# Reports go on until all has been told.
	wait_for told '.events_in_all == 80000'
	before=$(wc -l <out)
	wait_for sh -c "[ \$(wc -l <out) -gt $((before + 1)) ]"
	kill -INT "$TOP_PID"
	wait "$TOP_PID"
	TOP_PID=
	fits sample-top <out
	h=$(keyspace hits)
	m=$(keyspace misses)
	tail -n 1 out | jq -e --argjson h "$h" --argjson m "$m" '
	    .dropped_in_all == 0 and .sampling == "none" and .rate == 1 and
	    .hit_ratio_in_all == $h / ($h + $m) and
	    .requests_per_second == 0 and .hit_ratio == null'
	# Intervals add up to all, and the hottest key is the most frequent.
	jq -s -e '[.[].events] | add == 80000' out
	hash=$(predis-sample print s.pds | cut -f 3 | sort | uniq -c |
	    sort -rn | awk 'NR == 1 { print $2 }')
	jq -s -e --arg k "$hash" '[.[] | select(.events > 0)] | last |
	    .hot_keys[0] | .key == $k and .share > 0.005 and
	    .accesses_per_second > 0' out
}

@test "top on a sample: rates and hot keys, each with its error" {
	start_serve --maxmemory 256M --tap ./tap --tap-rate 10% --tap-by event
	predis-sample top --json --interval 300ms ./tap >out 3>&- &
	TOP_PID=$!
	wait_for tapped 1
	drive
	wait_for jq -s -e 'length > 5 and (last | .events_in_all > 7000) and
	    (.[-5:] | all(.events == 0))' out
	kill -TERM "$TOP_PID"
	wait "$TOP_PID"
	TOP_PID=
	fits sample-top <out
	# 80000 requests, all of them told within the intervals.
	jq -s -e '[.[] | .ops[].requests] | add | . > 75000 and . < 85000' out
	jq -s -e '[.[] | select(.events > 1000)][0] | .requests_per_second_se > 0
	    and .hit_ratio_se > 0 and (.hot_keys | length) <= 10' out
}

@test "top of a server that samples in several ways shows one of them" {
	start_serve --maxmemory 256M --tap ./tap --tap-rate key=30%,event=10%
	predis-sample top --json --interval 300ms ./tap >out 3>&- &
	TOP_PID=$!
	predis-sample top --json --interval 300ms --scheme key ./tap >keys 3>&- &
	other=$!
	wait_for tapped 2
	drive
	for f in out keys; do
		wait_for jq -s -e 'length > 5 and (last | .events_in_all > 7000)
		    and (.[-5:] | all(.events == 0))' $f
	done
	kill -TERM "$TOP_PID" "$other"
	wait "$TOP_PID" "$other"
	TOP_PID=
	fits sample-top <out
	fits sample-top <keys
	# Until the first stream is there nobody knows what will come.
	jq -s -e 'last | .sampling == "event" and .rate == 0.1' out
	jq -s -e 'all(.sampling == "key" and .rate == 0.3)' keys
	for f in out keys; do
		jq -s -e '[.[] | .ops[].requests] | add | . > 60000 and
		    . < 100000' $f
		jq -s -e 'last | .dropped_in_all == 0' $f
	done
}

@test "top on a stream: one report of a file, text without a terminal" {
	printf '1000,a,10,get\n1001,a,10,get\n1002,b,5,set\n1010,a,10,get\n' |
	    predis-sample import - -o t.pds
	predis-sample top --json t.pds >one
	[ "$(wc -l <one)" = 1 ]
	jq -e '.seconds == 10 and .requests_per_second == 0.4 and
	    .events == 4 and (.hot_keys[0].accesses_per_second > 0)' one
	predis-sample top t.pds >text
	grep -q 'all requests' text
	grep -q '^HOT KEYS' text
	run ! grep -q $'\033' text
	seq 20000 | awk '{ print $1 / 1000 "," $1 * 7919 % 5003 ",5,get" }' |
	    predis-sample import - | predis-sample top - >even
	grep -q '^HOT KEYS: none stands out$' even
	predis-sample top --hot 0 - <t.pds >none
	run ! grep -q '^HOT KEYS' none
	predis-sample top -n 1 --json t.pds | fits sample-top
	run -2 predis-sample top --interval 1ms t.pds
	run -2 predis-sample top --hot 65 t.pds
	run -2 predis-sample top ./absent.sock
	run -2 --separate-stderr predis-sample top - </dev/null
	[[ $stderr == *'no stream came'* ]]
}

@test "stat where the rate changed: a key counts by the highest one" {
	# 1000 keys at rate 1, then the same ones at 10%, and others at 10%.
	for k in 0 5000; do
		seq 4000 | awk -v k=$k '{ print $1 "," k + $1 % 1000 ",5,get" }' >$k.csv
	done
	predis-sample import --key-file k 0.csv -o all.pds
	predis-sample import --key-file k --rate 0.1 0.csv -o same.pds
	predis-sample import --key-file k --rate 0.1 5000.csv -o others.pds
	n=$(predis-sample print others.pds | cut -f 3 | sort -u | wc -l)
	for order in 'all same' 'same all'; do
		# shellcheck disable=SC2046
		predis-sample stat --json $(printf '%s.pds ' $order) >two
		fits sample-stat <two
		jq -e '.keys == 1000 and .keys_se == 0 and
		    .one_hit_share == null and .gap_ticks_max == 1000 and
		    .sampling == "key"' two
	done
	predis-sample stat --json all.pds same.pds others.pds |
	    jq -e --argjson n "$n" '(.keys - (1000 + 10 * $n) | fabs) < 0.01'
	predis-sample stat --no-plot all.pds same.pds others.pds |
	    grep -q 'sampled by key at 0.1 to 1$'
}

@test "top of a Redis: by database, sampled here, hits unknown" {
	command -v redis-server >/dev/null || skip 'needs redis-server'
	redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' \
	    --daemonize yes --pidfile "$PWD/redis.pid" >/dev/null
	wait_for redis-cli -s redis.sock ping
	predis-sample top --json --interval 200ms "redis+unix:$PWD/redis.sock" \
	    >out 2>notes 3>&- &
	TOP_PID=$!
	wait_for sh -c 'redis-cli -s redis.sock client list | grep -q cmd=monitor'
	seq 3000 | sed 's/.*/SET k& 0123456789/' |
	    redis-cli -s redis.sock --pipe >/dev/null
	seq 1000 | sed 's/.*/GET k&/' | redis-cli -s redis.sock -n 5 --pipe
	wait_for told '.events_in_all == 4000 and .events == 0'
	kill -INT "$TOP_PID"
	wait "$TOP_PID"
	TOP_PID=
	redis-cli -s redis.sock shutdown nosave || true
	fits sample-top <out
	jq -s -e 'all(.hit_ratio_in_all == null) and
	    ([.[].namespaces[]] | group_by(.ns) | map([.[0].ns,
		([.[].requests] | add)])) == [[0, 3000], [5, 1000]] and
	    ([.[].namespaces[] | select(.ns == 0) | .bytes_in] | add) == 30000
	    ' out
	run -2 predis-sample top --rate 0.1 out
}

@test "namespaces of a trace, each with its hits and bytes" {
	awk 'BEGIN { print "time,key,size,op,hit,ns"
	    for (i = 0; i < 3000; i++)
		print i "," i % 50 ",10,get," (i % 3 == 1) "," i % 3 }' >ns.csv
	predis-sample stat --json ns.csv >stat.json
	fits sample-stat <stat.json
	jq -e '[.namespaces[] | [.ns, .requests, .hit_ratio, .bytes_out]] |
	    sort == [[0, 1000, 0, 0], [1, 1000, 1, 10000], [2, 1000, 0, 0]]
	    ' stat.json
	predis-sample stat ns.csv >text
	grep -Eq '^1 +0.33 +1.0000 ' text
}

@test "namespaces that a server tells have their names" {
	start_serve --tap ./tap --tap-rate 1 --tap-namespaces user,cart
	predis-sample tap ./tap -o s.pds 3>&- &
	TOP_PID=$!
	wait_for tapped 1
	seq 300 | sed 's/.*/SET user:& 12345/; s/user:\(.*[05]\) /cart:\1 /' |
	    redis-cli -p "$PORT" --pipe
	redis-cli -p "$PORT" set other:1 x
	stop_serve
	wait "$TOP_PID"
	TOP_PID=
	predis-sample stat --json s.pds >stat.json
	fits sample-stat <stat.json
	jq -e '[.namespaces[] | [.name, .requests]] | sort == [[null, 1],
	    ["cart", 60], ["user", 240]]' stat.json
	predis-sample top s.pds >text
	grep -q '^user ' text
}

@test "top on a terminal draws, and puts it back as it was" {
	command -v script >/dev/null || skip 'needs script'
	start_serve --tap ./tap --tap-rate 1
	for sig in INT TERM HUP; do
		: >pid
		script -qfec "sh -c 'echo \$\$ >pid; exec \
		    predis-sample top --interval 100ms ./tap'" typed \
		    >/dev/null 2>&1 3>&- </dev/null &
		TOP_PID=$!
		wait_for grep -q 'A SECOND' typed
		# The first report begins at the top of the other screen.
		grep -q $'\033\[?1049h\033\[?25l\033\[H' typed
		kill -$sig "$(cat pid)"
		wait "$TOP_PID" || true
		TOP_PID=
		grep -q $'\033\[?25h\033\[?1049l' typed
		rm typed
	done
}
