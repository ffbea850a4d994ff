bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }

# gone PID: it has ended, waited for or not.
gone() {
	! grep -q "^State:[^Z]*$" "/proc/$1/status" 2>/dev/null
}

teardown() {
	stop_serve
	[ -z "${REDIS:-}" ] || { kill "$REDIS" && wait "$REDIS" || true; }
}

@test "four loops: whole writes, whole transactions, all keys, all messages" {
	start_serve --threads 4 --maxmemory 256M --shards 8
	timeout 120 /usr/bin/python3 "$TOP/tests/clients/threads.py" "$PORT" 3
	timeout 120 /usr/bin/python3 "$TOP/tests/clients/threads.py" "$PORT" 1 \
	    quiet
	[ "$(redis-cli -p "$PORT" info predis | tr -d '\r' |
	    sed -n 's/^predis_lock_alone://p')" -gt 0 ]
	redis-cli -p "$PORT" shutdown
	wait "$PID"
	PID=
}

@test "a crowd with long pipelines: replies in order, nothing lost" {
	start_serve --threads 2 --maxmemory 256M --shards 2
	timeout 120 /usr/bin/python3 "$TOP/tests/clients/crowd.py" "$PORT"
	redis-cli -p "$PORT" config set notify-keyspace-events KEA
	timeout 120 /usr/bin/python3 "$TOP/tests/clients/crowd.py" "$PORT" 40 3
}

@test "four loops and a redis-server: the same replies" {
	redis-server --port 0 --unixsocket "$PWD/r" --save '' \
	    --appendonly no --logfile "$PWD/redis.log" 3>&- &
	REDIS=$!
	wait_for redis-cli -s r ping
	start_serve --maxmemory 0 --threads 4
	for resp in 2 3; do
		/usr/bin/python3 "$TOP/tests/clients/differential.py" "$PWD/r" \
		    "$PORT" "$TOP/tests/clients/differential.txt" \
		    --resp "$resp"
	done
}

@test "connections are divided among loops, the Unix socket's too" {
	start_serve --threads 3 --unixsocket s --maxclients 40
	run -0 redis-cli -p "$PORT" client id
	/usr/bin/python3 -c '
import redis, sys
port = int(sys.argv[1])
tcp = [redis.Redis(host="127.0.0.1", port=port) for i in range(20)]
unix = [redis.Redis(unix_socket_path="s") for i in range(10)]
for i, c in enumerate(tcp + unix):
    assert c.set("k%d" % i, i)
for i, c in enumerate(unix + tcp):
    assert int(c.get("k%d" % i)) == i
assert len(tcp[0].client_list()) == 30
assert tcp[0].info("clients")["connected_clients"] == 30
assert tcp[3].dbsize() == 30
assert sorted(tcp[0].scan_iter()) == sorted(tcp[1].keys())' "$PORT"
}

@test "a second server cannot share the port of one with threads" {
	start_serve --threads 2
	run -2 predis-serve --port "$PORT" --threads 2
	[[ "$output" == *"cannot listen"* ]]
}

@test "shards keep to the limit together, and evict" {
	start_serve --threads 2 --maxmemory 64M --policy lru --shards 4
	redis-benchmark -p "$PORT" -n 100000 -P 32 -c 8 -d 2000 -r 100000 \
	    -t set -q >/dev/null
	used=$(redis-cli -p "$PORT" info memory | tr -d '\r' |
	    sed -n 's/^used_memory://p')
	[ "$used" -gt $((40 << 20)) ]
	[ "$used" -le $((66 << 20)) ]
	run -0 redis-cli -p "$PORT" config set maxmemory 32mb
	used=$(redis-cli -p "$PORT" info memory | tr -d '\r' |
	    sed -n 's/^used_memory://p')
	[ "$used" -le $((34 << 20)) ]
	run -2 predis-serve --port 0 --shards 3
	run -2 predis-serve --port 0 --threads 0
}

@test "it ends while clients subscribe, watch and monitor" {
	for how in TERM shutdown; do
		rm -f port
		start_serve --threads 2
		exec 8<>"/dev/tcp/127.0.0.1/$PORT" 9<>"/dev/tcp/127.0.0.1/$PORT" \
		    7<>"/dev/tcp/127.0.0.1/$PORT"
		printf 'SUBSCRIBE x\r\n' >&8
		printf 'MONITOR\r\n' >&9
		printf 'WATCH x\r\n' >&7
		for fd in 7 8 9; do
			IFS= read -r -t 30 -u $fd
		done
		if [ $how = TERM ]; then
			kill "$PID"
		else
			redis-cli -p "$PORT" shutdown || true
		fi
		wait_for gone "$PID" || { kill -KILL "$PID" && false; }
		wait "$PID"
		exec 7>&- 8>&- 9>&-
	done
}
