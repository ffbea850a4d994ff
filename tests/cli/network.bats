# Streams over Redis Streams: a server alone, and a cluster of three masters and
# three replicas of which a master and a consumer are killed in the middle.
# tests/long does it with a million events.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	load ../lib/redis
}

teardown() {
	stop_consumer
	stop_redis
}

@test "what was sent is received byte for byte, and once when sent again" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 50000 1000 >a.pds
	predis-sample send --to "$URL" a.pds
	predis-sample send --to "$URL" a.pds
	predis-sample receive --from "$URL" -o b.pds
	cmp a.pds b.pds
	predis-sample receive --from "$URL" >c.pds
	cmp a.pds c.pds
	# It lies on all keys, and each names its blocks.
	[ "$(redis-cli -p "$PORT" get ev:partitions)" = 16 ]
	[ "$(redis-cli -p "$PORT" keys 'ev:{*' | wc -l)" -eq 16 ]
	redis-cli -p "$PORT" --no-raw xrange 'ev:{3}' - + count 1 |
	    grep -q '"q"'
	# Other blocks of the same names are no doubles: kept, and told.
	echo "1,a,1" >t.csv
	predis-sample import --to "$URL-same" t.csv
	echo "2,b,1" >t.csv
	predis-sample import --to "$URL-same" t.csv
	predis-sample receive --from "$URL-same" -o same.pds 2>err
	grep -q ' 1 blocks have the name of another one' err
	[ "$(predis-sample print same.pds | wc -l)" -eq 2 ]
	# A group takes all of it, and nothing is left for its next life.
	predis-sample receive --from "$URL" --group g -o d.pds
	cmp a.pds d.pds
	predis-sample receive --from "$URL" --group g -o e.pds
	[ ! -s e.pds ]
}

@test "every verb that writes a stream sends it" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 5000 1000 >a.pds
	seq 2000 | awk '{print $1",k"$1%97",1,get"}' >t.csv
	predis-sample import --format csv --to "$URL-import" t.csv
	predis-sample cat --to "$URL-cat" a.pds
	predis-sample features --to "$URL-rows" a.pds
	for v in import cat rows; do
		predis-sample receive --from "$URL-$v" -o "$v.pds"
		predis-sample verify "$v.pds"
	done
	predis-sample cat a.pds -o want.pds
	cmp want.pds cat.pds
	run ! predis-sample cat --to "$URL-cat" -o x.pds a.pds
}

@test "features and cat read an address as they read a file" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 20000 1000 >a.pds
	predis-sample send --to "$URL" a.pds
	for v in features cat; do
		predis-sample $v a.pds -o want.pds
		predis-sample $v --from "$URL" -o got.pds
		cmp want.pds got.pds
		predis-sample $v -0 a.pds >want.bare
		predis-sample $v -0 "$URL" >got.bare
		cmp want.bare got.bare
		run -2 predis-sample $v --from "$URL" a.pds -o x.pds
		run -2 predis-sample $v --from "$URL-none" -o x.pds
		[[ $output == *"there is no such stream"* ]]
	done
}

@test "a tap goes into a network, a block a second" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	start_serve --tap ./t --tap-rate 1
	predis-sample tap --to "$URL" ./t 2>tap.err 3>&- &
	tap=$!
	REDIS_PIDS="$REDIS_PIDS $tap"
	wait_for tapped 1
	redis-benchmark -p "$PORT" -n 5000 -r 500 -t set,get -q >/dev/null
	redis-cli -p "$PORT" shutdown || true
	wait "$PID" || true
	PID=
	wait "$tap"
	predis-sample receive --from "$URL" -o got.pds
	predis-sample verify got.pds
	[ "$(predis-sample print got.pds | wc -l)" -eq 10000 ]
}

@test "a tap does not wait for a peer that hangs: it drops, counts and says so" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	start_serve --tap ./t --tap-rate 1
	predis-sample tap --to "$URL" --buffer 10k --timeout 60s ./t \
	    2>tap.err 3>&- &
	tap=$!
	REDIS_PIDS="$REDIS_PIDS $tap"
	# The header is there: nothing waits for the peer any more.
	sent() { redis-cli -s peer/s keys 'ev:{*' | grep -q .; }
	wait_for sent
	# shellcheck disable=SC2154
	kill -STOP "$PID_peer"
	load() {
		redis-benchmark -p "$PORT" -n 20000 -r 9999 -P 50 -t set,get \
		    -q >/dev/null
		[ "$(grep -c 'blocks dropped so far' tap.err)" -ge 2 ]
	}
	wait_for load
	kill -CONT "$PID_peer"
	redis-benchmark -p "$PORT" -n 20000 -t get -q >/dev/null
	redis-cli -p "$PORT" shutdown || true
	wait "$PID" || true
	PID=
	wait "$tap"
	cat tap.err
	n=$(sed -n 's/.* \([0-9]*\) blocks dropped: .*/\1/p' tap.err)
	run -1 predis-sample receive --from "$URL" -o got.pds
	echo "$output"
	# What hung in the peer when it was stopped may have arrived after all.
	missing=$(sed -n 's/.* \([0-9]*\) blocks are missing.*/\1/p' <<<"$output")
	[ "$missing" -ge 1 ]
	[ "$missing" -le "$n" ]
}

@test "a wrong address, stream or number of partitions is told" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT
	for u in redis-stream://h redis-stream:///x "$URL/" "$URL/a/b" \
	    "redis-stream://u:p@127.0.0.1:$PORT/ev" http://h/x; do
		run -2 predis-sample receive --from "$u" -o x.pds
	done
	run -2 predis-sample receive --from "$URL/nothing" -o x.pds
	[[ $output == *"there is no such stream"* ]]
	"$NUMBERED" write 10 10 >a.pds
	predis-sample send --partitions 4 --to "$URL/ev" a.pds
	predis-sample send --to "$URL/ev" a.pds
	run -2 predis-sample send --partitions 8 --to "$URL/ev" a.pds
	[[ $output == *"has 4 partitions, not 8"* ]]
	# A peer that is not there, for as long as was said.
	run -2 predis-sample send --timeout 300ms \
	    --to "redis-stream://127.0.0.1:1/ev" a.pds
	[[ $output == *"cannot connect to '127.0.0.1:1'"* ]]
	[ ! -e x.pds ]
}

@test "the limits in force are those that the page tells" {
	predis-sample send --config none --print-config >conf
	grep -qxF "$(printf 'timeout\t30000000us\tdefault')" conf
	grep -qxF "$(printf 'buffer\t67108864\tdefault')" conf
}

@test "what is lost or holds no block is counted and told" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 20000 1000 >a.pds
	predis-sample send --to "$URL" a.pds
	head -c 9000 a.pds >torn.pds
	run -1 predis-sample send --to "$URL-2" torn.pds
	: >none.pds
	run -2 predis-sample send --to "$URL-2" none.pds a.pds
	[[ $output == *"none.pds' holds no block"* ]]
	run -2 predis-sample send --to "$URL-2" . # with no segment in it
	key='ev:{5}'
	n=$(redis-cli -p "$PORT" xlen "$key")
	redis-cli -p "$PORT" xtrim "$key" maxlen 0 >/dev/null
	redis-cli -p "$PORT" xadd "$key" '*' b nonsense >/dev/null
	run -1 predis-sample receive --from "$URL" -o b.pds
	[[ $output == *" $n blocks are missing"* ]]
	[[ $output == *" 1 entries hold no block"* ]]
	predis-sample info b.pds >info || true
	[ "$(awk '$1 == "events" {print $2}' info)" -eq $((20000 - n * 1000)) ]
}

@test "passwords and TLS" {
	run predis-sample receive --timeout 1ms \
	    --from rediss-stream://127.0.0.1:1/ev -o x.pds
	[[ $output != *"without TLS"* ]] || skip "this build has no TLS"
	for f in ca server; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		    -nodes -days 2 -subj "/CN=$f" -keyout "$f.key" \
		    -out "$f.pem" -addext "subjectAltName=IP:127.0.0.1" \
		    2>/dev/null
	done
	echo 'acme secret' >pass
	echo wrong >wrong
	one_tls peer --requirepass 'acme secret' \
	    --tls-cert-file "$PWD/server.pem" \
	    --tls-key-file "$PWD/server.key" --tls-auth-clients no
	URL=rediss-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 5000 1000 >a.pds
	predis-sample send --to "$URL" --password-file pass \
	    --tls-ca server.pem a.pds
	predis-sample receive --from "$URL" --password-file pass \
	    --tls-ca server.pem -o b.pds
	cmp a.pds b.pds
	run -2 predis-sample send --to "$URL" --password-file pass \
	    --tls-ca ca.pem --timeout 200ms a.pds
	[[ $output == *certificate* ]]
	run -2 predis-sample send --to "$URL" --password-file wrong \
	    --tls-ca server.pem --timeout 200ms a.pds
	[[ $output == *AUTH* ]]
}

@test "a peer that is away for a while costs nothing" {
	one_redis peer --appendonly yes --appendfsync always
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 20000 100 gate 3>&- | {
		predis-sample send -v --to "$URL" 2>send.err 3>&-
		echo $? >send.rc
	} 3>&- &
	sender=$!
	REDIS_PIDS="$REDIS_PIDS $sender"
	wait_for test -e gate.half
	wait_for sh -c "redis-cli -p $PORT exists 'ev:{0}' | grep -qx 1"
	# shellcheck disable=SC2154
	kill -9 "$PID_peer"
	wait "$PID_peer" || true
	touch gate
	start_redis peer "$PORT" --appendonly yes
	wait "$sender"
	[ "$(cat send.rc)" -eq 0 ]
	grep -q "[1-9][0-9]* reconnections" send.err
	predis-sample receive --from "$URL" -o out.pds
	"$NUMBERED" check 20000 out.pds
}

@test "what a dead member of a group had, another one takes over" {
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	"$NUMBERED" write 40000 100 >a.in
	predis-sample send --to "$URL" a.in
	# It was given the first blocks of each key, and never acknowledged them.
	for i in {0..15}; do
		redis-cli -p "$PORT" xgroup create "ev:{$i}" g 0
		redis-cli -p "$PORT" xreadgroup group g dead count 5 \
		    streams "ev:{$i}" '>'
	done >/dev/null
	pending() {
		for i in {0..15}; do
			redis-cli -p "$PORT" xpending "ev:{$i}" g | head -n 1
		done | awk '{n += $1} END {print n}'
	}
	[ "$(pending)" -eq 80 ]
	start_consumer b --claim 300ms --hold 300ms
	wait_for "$NUMBERED" check 40000 b.pds
	none_pending() { [ "$(pending)" -eq 0 ]; }
	wait_for none_pending
	stop_consumer
	"$NUMBERED" check 40000 b.pds
}

@test "a cluster: a killed master and a killed consumer lose and double nothing" {
	cluster_survives 100000 250
}
