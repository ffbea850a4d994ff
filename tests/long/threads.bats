bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

@test "no race is seen by ThreadSanitizer while four loops serve" {
	command -v clang >/dev/null || skip "no clang"
	make -C "$TOP" -j2 B=build-tsan CC=clang OPT='-O1 -g' HARD= \
	    CFLAGS=-fsanitize=thread LDFLAGS=-fsanitize=thread \
	    build-tsan/predis-serve >/dev/null
	export TSAN_OPTIONS="log_path=$PWD/tsan history_size=4"
	setarch -R "$TOP/build-tsan/predis-serve" --port 0 \
	    --port-file "$PWD/port" --threads 4 --shards 8 --maxmemory 40M \
	    --unixsocket s --tap ./t --tap-rate 1 --sandbox off \
	    >serve.log 2>&1 3>&- &
	PID=$!
	wait_for test -s port
	PORT=$(cat port)
	predis-sample tap ./t >events.pds 2>/dev/null 3>&- &
	tap=$!
	redis-benchmark -s ./s -n 100000 -P 16 -c 10 -d 3000 -r 20000 \
	    -t set,get,mset,incr -q >/dev/null 3>&- &
	load=$!
	timeout 600 /usr/bin/python3 "$TOP/tests/clients/threads.py" "$PORT" 60
	wait "$load"
	timeout 300 /usr/bin/python3 "$TOP/tests/clients/crowd.py" "$PORT" 200
	redis-cli -p "$PORT" shutdown
	wait "$PID" || { cat tsan.* && false; }
	PID=
	wait "$tap" || true
	[ -z "$(find . -name "tsan.*")" ]
}

@test "no call on a socket or a file with a lock held" {
	command -v "${CC:-cc}" >/dev/null || skip "no compiler"
	"${CC:-cc}" -O1 -shared -fPIC -o watch.so \
	    "$TOP/tests/clients/lockwatch.c"
	LD_PRELOAD=$PWD/watch.so predis-serve --port 0 \
	    --port-file "$PWD/port" --threads 4 --maxmemory 256M \
	    --unixsocket s --tap ./t --tap-rate 1 >serve.log 2>watch.log 3>&- &
	PID=$!
	wait_for test -s port
	PORT=$(cat port)
	timeout 300 /usr/bin/python3 "$TOP/tests/clients/threads.py" "$PORT" 10
	timeout 300 /usr/bin/python3 "$TOP/tests/clients/crowd.py" "$PORT" 120
	redis-benchmark -s ./s -n 50000 -P 16 -c 10 -t get,set,mset -q >/dev/null
	redis-cli -p "$PORT" shutdown
	wait "$PID"
	PID=
	cat watch.log
	grep -q "^lockwatch: .* 0 with a lock$" watch.log
}
