#!/bin/sh
# predis-serve beside redis-server: CPU nanoseconds of the server per
# operation (schedstat), interleaved pairs, as ratios. Server on one core,
# client on another. Environment: B, N (keys, default 100000), PAIRS (3).
# Wall-clock rates mean nothing on a shared machine and are not printed.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
B=${B:-build}
case $B in /*) ;; *) B=$top/$B ;; esac
N=${N:-100000} PAIRS=${PAIRS:-3} POLICY=${POLICY:-learned}
for p in redis-server redis-benchmark redis-cli taskset; do
	command -v $p >/dev/null || { echo "no $p: skipped"; exit 0; }
done
work=$(mktemp -d) || exit 2
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT PIPE TERM
last=$(($(nproc) - 1))
on_client() { taskset -c "$last" "$@"; }

taskset -c 0 redis-server --port 0 --unixsocket "$work/redis.sock" --save '' \
    --appendonly no --logfile /dev/null &
pids="$pids $!" redis=$!
taskset -c 0 "$B/predis-serve" --port 0 --unixsocket "$work/predis.sock" \
    --policy "$POLICY" --log-level warning --tap "$work/tap.sock" >/dev/null &
pids="$pids $!" predis=$!
for s in redis predis; do
	until redis-cli -s "$work/$s.sock" ping >/dev/null 2>&1; do
		sleep 0.05
	done
done

cpu() { awk '{s += $1} END {printf "%.0f\n", s}' /proc/"$1"/task/*/schedstat; }
# ns SERVER PID OPS COMMAND...: CPU ns of the server per operation.
ns() {
	name=$1 pid=$2 ops=$3
	shift 3
	before=$(cpu "$pid")
	on_client redis-benchmark -s "$work/$name.sock" -c 50 -n "$ops" \
	    -r "$N" -d 100 -q "$@" >/dev/null 2>&1
	after=$(cpu "$pid")
	echo $(((after - before) / ops))
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
bench() { # LABEL OPS BENCHMARK-ARGS...
	label=$1 ops=$2
	shift 2
	for f in r p q; do : >"$work/$f"; done
	for i in $(seq "$PAIRS"); do
		if [ $((i % 2)) -eq 0 ]; then
			b=$(ns predis "$predis" "$ops" "$@")
			a=$(ns redis "$redis" "$ops" "$@")
		else
			a=$(ns redis "$redis" "$ops" "$@")
			b=$(ns predis "$predis" "$ops" "$@")
		fi
		echo "$a" >>"$work/r"
		echo "$b" >>"$work/p"
		awk -v a="$a" -v b="$b" 'BEGIN {print b / a}' >>"$work/q"
	done
	printf '%-12s redis %6s  predis %6s  ratio %.2f (%.2f-%.2f)\n' \
	    "$label" "$(median <"$work/r")" "$(median <"$work/p")" \
	    "$(median <"$work/q")" "$(sort -n "$work/q" | head -n 1)" \
	    "$(sort -n "$work/q" | tail -n 1)"
}
echo "server CPU ns/op, $N keys of 100 bytes, 50 connections," \
    "policy $POLICY, no tap reader; median of $PAIRS pairs"
for s in redis predis; do
	on_client redis-benchmark -s "$work/$s.sock" -c 50 -n $((N * 3)) \
	    -r "$N" -d 100 -P 64 -q -t set >/dev/null 2>&1
done
bench 'SET P1' 20000 -P 1 -t set
bench 'GET P1' 20000 -P 1 GET key:__rand_int__
bench 'SET P16' 200000 -P 16 -t set
bench 'GET P16' 200000 -P 16 GET key:__rand_int__
for s in redis predis; do
	eval "pid=\$$s"
	keys=$(redis-cli -s "$work/$s.sock" dbsize)
	rss=$(awk '/VmRSS/ {print $2 * 1024}' "/proc/$pid/status")
	echo "$s: $keys keys, RSS $((rss / keys)) bytes a key (all of it)"
done
