# Large values: what is received into memory of its own.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

# peak: the most memory that the server has had, in kB.
peak() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status"
}

cli() { redis-cli -p "$PORT" "$@"; }

@test "large values in pieces of all sizes, with all commands that take them" {
	command -v python3 >/dev/null || skip "needs python3"
	start_serve --maxmemory 512M
	for seed in 1 2 3; do
		timeout 120 python3 "$TOP/tests/clients/large.py" "$PORT" "$seed"
	done
}

@test "a large request that CLIENT PAUSE holds back runs afterwards" {
	start_serve --maxmemory 512M
	head -c 1000000 /dev/urandom >value
	cli client pause 300 all
	cli -x set k <value
	cli -x append k <value
	cli get k | head -c 2000000 | cmp - <(cat value value)
}

@test "a value that is too large is dropped as it comes, nothing is evicted" {
	start_serve --maxmemory 20M --max-value 64M
	seq 10000 | sed 's/.*/SET key:& value/' | cli --pipe | grep 'errors: 0'
	head -c 30000000 /dev/zero >large
	before=$(peak)
	cli -x set large <large | grep -q '^OOM value is larger'
	[ "$(cli dbsize)" = 10000 ]
	[ "$(cli info stats | tr -d '\r' | sed -n 's/^evicted_keys://p')" = 0 ]
	[ $(($(peak) - before)) -lt 15000 ]
	[ "$(cli ping)" = PONG ]
}

# One value in buffers may be more than an equal part of a loop.
@test "a large value in a transaction, with several loops too" {
	local n=50331648
	for threads in 1 2; do
		rm -f port
		start_serve --maxmemory 200M --max-value 128M \
		    --threads $threads --shards 1
		exec 9<>"/dev/tcp/127.0.0.1/$PORT"
		{
			printf '*1\r\n$5\r\nMULTI\r\n'
			printf '*3\r\n$3\r\nSET\r\n$1\r\nt\r\n$%s\r\n' $n
			head -c $n /dev/zero
			printf '\r\n*2\r\n$3\r\nGET\r\n$1\r\nt\r\n'
			printf '*1\r\n$4\r\nEXEC\r\n'
			printf '*1\r\n$4\r\nQUIT\r\n'
		} >&9
		[ "$(timeout 60 cat <&9 | wc -c)" = $((n + 50)) ]
		exec 9>&-
		[ "$(cli strlen t)" = $n ]
		stop_serve
	done
}

# Together they are far more than all buffers may take.
@test "a crowd with large values waits its turn, nobody is closed" {
	command -v python3 >/dev/null || skip "needs python3"
	for threads in 1 2 4; do
		rm -f port
		start_serve --maxmemory 100M --max-value 64M \
		    --threads $threads --shards 1
		[ "$(timeout 120 python3 "$TOP/tests/clients/large_crowd.py" \
		    "$PORT" 10 2 20000000)" = 0 ]
		run ! grep closed serve.log
		[ "$(cli info clients | tr -d '\r' |
		    sed -n 's/^connected_clients://p')" = 1 ]
		[ "$(cli ping)" = PONG ]
		stop_serve
	done
}
