# Sources beyond predis-serve: a real redis-server by MONITOR, a real
# memcached by watch, and the examples of the manual that use them.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	# How busy the machine is does not matter here.
	export PREDIS_MAX_LOAD=0
}

teardown() {
	local pid
	for pid in ${STARTED:-}; do
		kill "$pid" 2>/dev/null || true
	done
}

start_redis() {
	redis-server --port 0 --unixsocket "$PWD/r" --save '' --dir . "$@" \
	    >redis.log 2>&1 3>&- &
	REDIS=$!
	STARTED="${STARTED:-} $REDIS"
	wait_for redis-cli -s r ping
}

start_memcached() {
	rm -f m
	memcached -s "$PWD/m" -m 64 -t 4 -u root \
	    -o worker_logbuf_size=8192,watcher_logbuf_size=8192 \
	    >memcached.log 2>&1 3>&- &
	STARTED="${STARTED:-} $!"
	wait_for test -S m
}

# free_port: a TCP port of 127.0.0.1 that nobody listens on.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# watched N: N clients of the redis-server are in MONITOR. With wait_for.
watched() {
	[ "$(redis-cli -s r client list | grep -c 'cmd=monitor')" -eq "$1" ]
}

# recorded N: so many events are in live.pds. With wait_for.
recorded() {
	[ "$(predis-sample print -q live.pds 2>/dev/null | wc -l)" -ge "$1" ]
}

mc_watched() {
	memcached_says stats | grep -q 'log_watchers [1-9]'
}

memcached_says() {
	python3 - "$@" <<-'E'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(10)
	s.connect("m")
	s.sendall(sys.argv[1].encode() + b"\r\nquit\r\n")
	while (b := s.recv(65536)):
	    sys.stdout.write(b.decode())
	E
}

# cache_aside SEED REQUESTS KEYS: get, and set on a miss; prints hits, misses.
cache_aside() {
	python3 - "$@" <<-'E'
	import random, socket, sys
	seed, n, keys = map(int, sys.argv[1:4])
	rng = random.Random(seed)
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(20)
	s.connect("m")
	f = s.makefile("rwb")
	hits = misses = 0
	for _ in range(n):
	    k = b"k%d" % int(keys * rng.random() * rng.random())
	    f.write(b"get " + k + b"\r\n")
	    f.flush()
	    if f.readline() == b"END\r\n":
	        f.write(b"set " + k + b" 0 0 5\r\nabcde\r\n")
	        f.flush()
	        f.readline()
	        misses += 1
	    else:
	        f.readline(), f.readline()
	        hits += 1
	print(hits, misses)
	E
}

# example WORDS: the command of the manual's EXAMPLES with these words in it.
example() {
	mandoc -T ascii -O width=900 "$TOP/man/predis-sample.1" | col -b |
	    sed -n '/^EXAMPLES/,/^SEE ALSO/s/^[[:space:]]*\$ //p' |
	    grep -F -- "$1"
}

@test "a live redis-server: every command is recorded, as import would" {
	start_redis
	predis-sample tap --key-file k -n 6 -o live.pds "redis+unix:$PWD/r" 2>err 3>&- &
	tap=$!
	STARTED="$STARTED $tap"
	stdbuf -oL redis-cli -s r monitor >m.txt 3>&- &
	STARTED="$STARTED $!"
	wait_for watched 2
	redis-cli -s r set 'a "b" \ c' 12345 ex 100
	redis-cli -s r mget one two three
	redis-cli -s r ping
	redis-cli -s r -n 3 get one
	redis-cli -s r del one
	wait $tap
	wait_for grep -q '"del"' m.txt
	grep -q 'about 1 us of its processor time and 65 bytes' err
	predis-sample verify live.pds
	predis-sample import --key-file k m.txt -o file.pds
	cmp <(predis-sample print live.pds) <(predis-sample print file.pds)
	predis-sample print --json --headers live.pds | head -n 1 |
	    jq -e '.header.hits == "unknown" and .header.time == "wall"'
	predis-sample info --json live.pds | jq -e 'has("hits") | not'
	predis-sample features live.pds | predis-sample print --csv >rows
	head -n 1 rows | tr ',' '\n' | grep -n hit_share | cut -d: -f 1 >col
	[ -z "$(cut -d, -f "$(cat col)" rows | tail -n +2 | tr -d '\n')" ]
}

@test "sampling on the client's side chooses the keys that import chooses" {
	start_redis
	head -c 32 /dev/urandom >k
	chmod 600 k
	predis-sample tap --key-file k --rate 0.1 --duration 60s -o live.pds \
	    "redis+unix:$PWD/r" 3>&- &
	tap=$!
	STARTED="$STARTED $tap"
	wait_for watched 1
	awk 'BEGIN { for (i = 0; i < 5000; i++) print "get", "key" i % 999 }' |
	    redis-cli -s r >/dev/null
	wait_for recorded 301
	redis-cli -s r client kill type normal skipme yes >/dev/null
	wait $tap
	awk 'BEGIN { for (i = 0; i < 5000; i++) print i ",key" i % 999 }' |
	    predis-sample import --key-file k --rate 0.1 - -o file.pds
	n=$(predis-sample print live.pds | wc -l)
	[ "$n" -gt 300 ]
	cmp <(predis-sample print live.pds | cut -f 2,3) \
	    <(predis-sample print file.pds | head -n "$n" | cut -f 2,3)
	predis-sample info --json live.pds |
	    jq -e '.sampling == "key" and .rate == 0.1'
}

@test "the manual's examples: redis-benchmark, features, drift, what-if" {
	start_redis
	at() { sed "s|redis://127.0.0.1:6379|redis+unix:$PWD/r|; s/-n 100000/-n 4000/"; }
	reference=$(example 'drift profile' | at)
	test=$(example 'drift test' | at)
	[[ $reference == *"| predis-sample features -m served | predis-drift profile"* ]]
	[[ $test == *'| tee now.pds | predis-sample features -m served | predis-drift test '*'; [ $? -eq 1 ] && predis-replay '* ]]
	# Twice what the sampled commands need: keys are chosen, not commands.
	bash -c "$reference" 3>&- 2>err &
	STARTED="$STARTED $!"
	wait_for watched 1
	redis-benchmark -s r -t set,get -n 50000 -r 3000 -P 16 -q >/dev/null
	wait $!
	test -s ref.pdp
	# The same traffic: no drift, and so no table.
	bash -c "$test" >same 2>>err 3>&- &
	STARTED="$STARTED $!"
	wait_for watched 1
	redis-benchmark -s r -t set,get -n 50000 -r 3000 -P 16 -q >/dev/null
	status=0
	wait $! || status=$?
	[ "$status" -eq 1 ] # of the [ ]: there is no drift
	grep -q $'^frequency\tsame' same
	run ! grep -q belady same
	# Other keys, other commands.
	bash -c "$test" >other 2>>err 3>&- &
	STARTED="$STARTED $!"
	wait_for watched 1
	redis-benchmark -s r -t incr,lpush,get -n 50000 -r 1000000 -P 16 -q >/dev/null
	wait $!
	grep -q $'^frequency\t.*ks' other
	for p in lru s3fifo lirs belady; do
		grep -q "^now"$'\t'"$p"$'\t' other
	done
	predis-sample verify now.pds
}

@test "tap leaves a redis-server that is busy, and says so: exit 3" {
	start_redis
	redis-benchmark -s r -t get -n 100000000 -q >/dev/null 2>&1 3>&- &
	STARTED="$STARTED $!"
	run -3 timeout 60 predis-sample tap --max-load 0.001 -o live.pds \
	    "redis+unix:$PWD/r"
	[[ $output == *"of a core, more than 0.00, for 3 s"* ]]
	predis-sample verify live.pds
	[ "$(predis-sample info --json live.pds | jq .events)" -gt 0 ]
}

@test "passwords come from files; users, refusals and no server" {
	echo secret >pw
	echo wrong >bad
	port=$(free_port)
	start_redis --bind 127.0.0.1 --port "$port" \
	    --user default on '>secret' '~*' '&*' +@all \
	    --user poor on '>secret' '~*' '&*' +monitor
	export REDISCLI_AUTH=secret
	for url in "redis+unix:$PWD/r" "redis://127.0.0.1:$port" \
	    "redis://default@127.0.0.1:$port"; do
		predis-sample tap -n 1 --source-password-file pw "$url" \
		    >out.pds 2>err 3>&- &
		tap=$!
		STARTED="$STARTED $tap"
		wait_for watched 1
		redis-cli -s r get x
		wait $tap
		predis-sample verify out.pds
	done
	# Its load could not be watched.
	run -2 predis-sample tap --source-password-file pw -o x.pds \
	    "redis://poor@127.0.0.1:$port"
	[[ $output == *"INFO: NOPERM"* ]]
	run -2 predis-sample tap -o x.pds "redis+unix:$PWD/r"
	[[ $output == *"NOAUTH"* ]]
	run -2 predis-sample tap --source-password-file bad -o x.pds "redis+unix:$PWD/r"
	[[ $output == *"WRONGPASS"* ]]
	run -2 predis-sample tap -o x.pds redis://me:secret@127.0.0.1:1
	[[ $output == *"does not belong into an address"* ]]
	[[ $output != *secret* && $output != *hashed* ]]
	run -2 predis-sample tap -o x.pds "redis+unix:$PWD/nothing"
	[[ $output == *"nothing"* ]]
	run -2 predis-sample tap --source-password-file pw -o x.pds "memcached+unix:$PWD/r"
	[[ $output == *"without user and password"* ]]
	[ ! -e x.pds ]
}

@test "rediss: over TLS, with the authorities that are trusted" {
	run -2 predis-sample tap rediss://127.0.0.1:1
	[[ $output != *"without TLS"* ]] || skip "this build has no TLS"
	for f in ca server; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		    -nodes -days 2 -subj "/CN=$f" -keyout "$f.key" \
		    -out "$f.pem" -addext "subjectAltName=IP:127.0.0.1" \
		    2>/dev/null
	done
	port=$(free_port)
	start_redis --tls-port "$port" --tls-cert-file "$PWD/server.pem" \
	    --tls-key-file "$PWD/server.key" --tls-auth-clients no \
	    --bind 127.0.0.1
	predis-sample tap -n 2000 --tls-ca server.pem "rediss://127.0.0.1:$port" \
	    >live.pds 2>err 3>&- &
	tap=$!
	STARTED="$STARTED $tap"
	wait_for watched 1
	seq 2000 | sed 's/^/get key/' | redis-cli -s r >/dev/null
	wait $tap
	[ "$(predis-sample info --json live.pds | jq .tick_last)" -eq 1999 ]
	run -2 predis-sample tap --tls-ca ca.pem -o x.pds \
	    "rediss://127.0.0.1:$port"
	[[ $output == *certificate* ]]
	[ ! -e x.pds ]
}

@test "--retry: a server that comes back begins a new stream" {
	start_redis
	predis-sample tap --retry 60s -n 2 -o live.pds "redis+unix:$PWD/r" \
	    2>err 3>&- &
	tap=$!
	STARTED="$STARTED $tap"
	wait_for watched 1
	redis-cli -s r get one
	wait_for recorded 1
	kill "$REDIS"
	wait "$REDIS" || true
	wait_for grep -q 'connection was lost' err
	rm -f r
	start_redis
	wait_for watched 1
	redis-cli -s r get two
	wait $tap
	grep -q 'connected again' err
	predis-sample verify live.pds
	predis-sample info --json live.pds |
	    jq -e '.streams == 2 and .events == 2'
}

@test "without --retry the end of the server is the end, with a marker" {
	start_redis
	predis-sample tap -o live.pds "redis+unix:$PWD/r" 2>err 3>&- &
	tap=$!
	STARTED="$STARTED $tap"
	wait_for watched 1
	redis-cli -s r get one
	redis-cli -s r shutdown nosave || true
	wait $tap
	grep -q 'the server closed the connection' err
	predis-sample verify live.pds
	# GET, and SHUTDOWN is no access.
	[ "$(predis-sample info --json live.pds | jq .events)" -eq 1 ]
}

@test "memcached: hits and misses to the last one; features, drift, what-if" {
	start_memcached
	record() {
		predis-sample tap --duration 120s -o "$1" "memcached+unix:$PWD/m" \
		    2>>err 3>&- &
		tap=$!
		STARTED="$STARTED $tap"
		wait_for mc_watched
	}
	# all FILE N: N gets are in it. With wait_for.
	all() {
		[ "$(predis-sample print -q "$1" 2>/dev/null |
		    awk '$4 == "get"' | wc -l)" -ge "$2" ]
	}
	record one.pds
	read -r hits misses < <(cache_aside 1 6000 400)
	wait_for all one.pds 6000
	kill -TERM $tap
	wait $tap
	predis-sample verify one.pds
	predis-sample info --json one.pds | jq -e --argjson h "$hits" \
	    --argjson m "$misses" '.hits == $h and .ops_get == $h + $m and
	    .ops_set == $m and .lost_at_source == 0 and
	    .tick_last == $h + $m - 1'
	# Every set completes a miss, and has its tick.
	[ "$(predis-sample print one.pds | awk '$6 == 1' | wc -l)" -eq "$misses" ]
	predis-sample features -m served one.pds | predis-drift profile -o ref.pdp -
	memcached_says flush_all | grep -q OK
	record two.pds
	read -r hits misses < <(cache_aside 2 6000 400000)
	wait_for all two.pds 6000
	kill -TERM $tap
	wait $tap
	predis-sample features -m served two.pds |
	    run -1 predis-drift test --profile ref.pdp -
	predis-replay --policy lru,belady --size 100 one.pds >table
	grep -q belady table
}
