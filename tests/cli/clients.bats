# Clients as users have them, and redis-server as the reference.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() {
	stop_serve
	[ -z "${REDIS:-}" ] || kill "$REDIS" 2>/dev/null || true
}

@test "redis-cli: RESP2, RESP3, mass insertion" {
	start_serve
	[ "$(redis-cli -p "$PORT" set a 1)" = OK ]
	[ "$(redis-cli -3 -p "$PORT" get a)" = 1 ]
	awk 'BEGIN {for (i = 0; i < 100000; i++)
		printf "*3\r\n$3\r\nSET\r\n$10\r\nkey:%06d\r\n$5\r\nvalue\r\n", i}' |
	    redis-cli -p "$PORT" --pipe >out
	grep -q 'errors: 0, replies: 100000' out
	[ "$(redis-cli -p "$PORT" dbsize)" = 100001 ]
	[ "$(redis-cli -p "$PORT" --scan | sort -u | wc -l)" = 100001 ]
	redis-cli -p "$PORT" --bigkeys | grep -q '100001 strings\|Biggest'
	[ "$(echo 'get a' | redis-cli -p "$PORT")" = 1 ]
}

@test "redis-benchmark" {
	start_serve
	redis-benchmark -p "$PORT" -t set,get,incr,mset -P 16 -n 20000 \
	    -r 10000 -q >out 2>err
	[ "$(tr '\r' '\n' <out | grep -c 'requests per second')" = 4 ]
	run ! grep -qi 'error\|warn' err
	redis-benchmark -p "$PORT" -3 -t ping,set,get -n 5000 -q >out 2>err
	run ! grep -qi error out err
}

@test "python3-redis: pipelines, locks, messages, pools, TLS" {
	/usr/bin/python3 -c 'import redis' 2>/dev/null ||
	    skip "no python3-redis"
	tls=()
	run predis-serve --port 0 --tls-port 0
	if [[ $output != *"no TLS"* ]] && command -v openssl >/dev/null; then
		make_certificate
		start_serve --unixsocket s --tls-port 0 --tls-cert-file c.pem \
		    --tls-key-file k.pem
		tls=("$(sed -n 's/.*tls_port=\([0-9]*\).*/\1/p' serve.log)" c.pem)
	else
		start_serve --unixsocket s
	fi
	timeout 120 /usr/bin/python3 "$TOP/tests/clients/redis_py.py" \
	    "$PORT" s "${tls[@]}" >out
	[ "$(cat out)" = ok ]
}

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout k.pem -out c.pem -days 2 -subj /CN=127.0.0.1 \
	    -addext subjectAltName=IP:127.0.0.1 2>/dev/null
}

@test "npm: ioredis and node-redis, two majors each" {
	command -v npm >/dev/null || skip "no npm"
	cp "$TOP/tests/clients/package.json" .
	timeout 120 npm install --no-audit --no-fund --loglevel=error \
	    >npm.log 2>&1 3>&- || skip "npm cannot install the clients"
	start_serve --unixsocket s
	timeout 120 node "$TOP/tests/clients/npm.js" "$PORT" s "$PWD" >out
	[ "$(cat out)" = ok ]
}

@test "hiredis: synchronous, pipelined, asynchronous" {
	echo '#include <hiredis/async.h>' |
	    cc -E - >/dev/null 2>&1 || skip "no libhiredis-dev"
	cc -Wall -Wextra -Werror -D_DEFAULT_SOURCE -o hi "$TOP/tests/clients/hiredis.c" -lhiredis
	start_serve --unixsocket s
	timeout 120 ./hi "$PORT" s >out
	[ "$(cat out)" = ok ]
}

start_redis() {
	command -v redis-server >/dev/null || skip "no redis-server"
	redis-server --port 0 --unixsocket "$PWD/r" --save '' \
	    --appendonly no --logfile "$PWD/redis.log" 3>&- &
	REDIS=$!
	wait_for redis-cli -s r ping
}

differential() { # RESP [SCRIPT]
	start_redis
	start_serve --maxmemory 0
	/usr/bin/python3 "$TOP/tests/clients/differential.py" "$PWD/r" \
	    "$PORT" "${2:-$TOP/tests/clients/differential.txt}" --resp "$1"
}

# The scripts of locks, which redis-server is to know as well.
load_locks() {
	/usr/bin/python3 -c '
import redis, redis.lock
r = redis.Redis(unix_socket_path="r")
for s in ("RELEASE", "EXTEND", "REACQUIRE"):
    r.script_load(getattr(redis.lock.Lock, "LUA_%s_SCRIPT" % s))'
}

@test "the same script to redis-server, RESP2: the same replies" {
	differential 2
}

@test "the same script to redis-server, RESP3: the same replies" {
	differential 3
}

@test "2,500 commands drawn at random: the same replies, RESP2 and RESP3" {
	/usr/bin/python3 -c 'import redis' 2>/dev/null ||
	    skip "no python3-redis"
	for resp in 2 3; do
		start_redis
		load_locks
		start_serve --maxmemory 0
		/usr/bin/python3 "$TOP/tests/clients/generate.py" 2500 $resp \
		    >script
		/usr/bin/python3 "$TOP/tests/clients/differential.py" \
		    "$PWD/r" "$PORT" script --resp $resp
		stop_serve
		kill "$REDIS"
		wait "$REDIS" || true
		rm -f port r
	done
}

@test "users, messages and what watches: the same replies" {
	for resp in 2 3; do
		differential $resp "$TOP/tests/clients/operate.txt"
		stop_serve
		kill "$REDIS"
		wait "$REDIS" || true
		rm -f port r
	done
}

@test "the manual names the options of CONFIG and the commands there are not" {
	start_serve
	mandoc -T utf8 "$TOP/man/predis-serve.1" | sed 's/.\x08//g' |
	    sed -n '/Differences from Redis/,/^ENVIRONMENT/p' | tr '\n' ' ' |
	    tr -s ' ' | sed 's,\([a-z]\)- ,\1-,g' >page
	for o in $(redis-cli -p "$PORT" config get '*' | sed -n 'p;n'); do
		grep -qE "(^|[ (])${o}[ ,.]" page || { echo "$o"; return 1; }
	done
	grep -o 'there are no SORT.*MODULE\.' page |
	    grep -oE '[A-Z]{3,}' >absent
	[ "$(wc -l <absent)" -eq 6 ]
	while read -r c; do
		redis-cli -p "$PORT" "$c" a b c </dev/null |
		    grep -q 'unknown command' || { echo "$c"; return 1; }
	done <absent
}
