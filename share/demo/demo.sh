#!/bin/sh
# The whole loop on a real trace, with the real programs over real sockets:
# serve, sample, features, train, load the model into the running server, serve
# the second half better. Everything it makes lies under $B/demo.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
cd "$top" || exit 2
B=${B:-build}
case $B in /*) ;; *) B=$top/$B ;; esac
PATH=$B:$PATH
export LC_ALL=C PREDIS_CONFIG=none

trace=${DEMO_TRACE:-share/traces/orm_night_head.csv.gz}
case $trace in /*) ;; *) trace=$top/$trace ;; esac
objects=${DEMO_OBJECTS:-2600}
value=100 # bytes a value
work=$B/demo
rm -rf "$work"
# Sockets by short names: their paths have room for 107 bytes, wherever we are.
mkdir -p "$work" && cd "$work" || exit 2
pids=

end() {
	for p in $pids; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
	pids=
}
trap end EXIT
trap 'end; exit 2' INT TERM

die() {
	echo "demo: $*" >&2
	exit 2
}
step() {
	n=$((${n:-0} + 1))
	echo "[$n/7] $*"
}
wait_for() { # FILE: up to a minute
	i=0
	while [ ! -s "$1" ] && [ ! -S "$1" ]; do
		i=$((i + 1))
		[ $i -le 1200 ] || die "nothing at $1 after a minute"
		sleep 0.05
	done
}
# field NAME: the value of a key in the JSON lines of standard input.
field() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' | tail -n 1; }

serve() { # NAME OPTION...: starts predis-serve on a Unix socket
	name=$1
	shift
	predis-serve --port 0 --unixsocket "./$name.sock" \
	    --port-file "$name.port" --maxobjects "$objects" "$@" \
	    >"$name.log" 2>&1 &
	pids="$pids $!"
	wait_for "$name.port"
}
play() { # SOCKET OPTION...: plays the trace as a cache-aside client
	sock=$1
	shift
	predis-replay --server "$sock" --value-size "$value" --json "$@" \
	    "$trace" || die "playing the trace into $sock failed"
}
stop_last() {
	for p in $pids; do last=$p; done
	kill "$last" 2>/dev/null && wait "$last" 2>/dev/null
	pids=${pids% "$last"}
}

start=$(date +%s)
echo "Trace $(basename "$trace"): an object cache's requests (see" \
    "share/traces/README.md); room for $objects objects of $value bytes"

step 'predis-serve with plain LRU plays the whole trace'
serve lru --policy lru
play ./lru.sock --from 50% >lru.json
stop_last

step 'a real redis-server with allkeys-lru and as many objects does the same'
redis-server --port 0 --unixsocket ./redis.sock --save '' \
    --appendonly no --maxmemory-policy allkeys-lru --daemonize no \
    >redis.log 2>&1 &
pids="$pids $!"
wait_for ./redis.sock
rcli() { redis-cli -s ./redis.sock "$@"; }
# Find the memory limit under which it holds as many objects: fill it with
# them, read what it uses, then correct by what it holds after the first half.
play ./redis.sock --to 50% --pipeline 32 >/dev/null
limit=$(rcli info memory | tr -d '\r' | sed -n 's/^used_memory://p')
base=$(rcli info memory | tr -d '\r' | sed -n 's/^used_memory_startup://p')
held=$(rcli dbsize)
for _ in 1 2 3 4; do
	limit=$((base + (limit - base) * objects / held))
	rcli flushall >/dev/null
	rcli config set maxmemory "$limit" >/dev/null
	play ./redis.sock --to 50% --pipeline 32 >/dev/null
	held=$(rcli dbsize)
	off=$((held * 100 / objects - 100))
	[ $off -ge -1 ] && [ $off -le 1 ] && break
done
rcli flushall >/dev/null
play ./redis.sock --to 50% >/dev/null
play ./redis.sock --skip 50% >redis.json
held=$(rcli dbsize)
stop_last

step 'predis-serve without a model plays the first half; the tap is sampled'
serve predis --policy learned --tap ./tap.sock --tap-rate 1
predis-sample tap ./tap.sock -o events.pds 2>tap.log &
tap=$!
pids="$pids $tap"
wait_for events.pds
play ./predis.sock --to 50% >first.json
sleep 1.2
kill -TERM "$tap" && wait "$tap"
pids=${pids% "$tap"}
predis-sample verify events.pds || die 'the stream is damaged'

step 'events to the 64 features'
predis-sample features --capacity "$objects" -o features.pds \
    events.pds || die 'no features'

step 'predis-retrain trains a model from the events'
predis-retrain train --capacity "$objects" --name demo \
    -o model.pdm events.pds >train.txt || {
	cat train.txt
	die 'training gave no model that is worth loading'
}

step 'the running server loads it and plays the second half'
redis-cli -s ./predis.sock PREDIS.MODEL LOAD "$work/model.pdm" \
    >load.txt || die 'the server did not answer'
grep -q '^OK' load.txt || die "$(cat load.txt)"
play ./predis.sock --skip 50% >predis.json
redis-cli -s ./predis.sock PREDIS.STATS >stats.txt

step 'S3-FIFO and the offline bound by simulation'
predis-replay --policy s3fifo --policy belady --size "$objects" --from 50% \
    --json "$trace" >sim.json || die 'simulation failed'

row() { # NAME HOW MISS_RATIO
	awk -v name="$1" -v how="$2" -v m="$3" -v lru="$lru" 'BEGIN {
		printf "  %-38s %-10s %8.4f %+9.1f%%\n", name, how, 1 - m,
		    (lru - m) / lru * 100
	}'
}
lru=$(field miss_ratio <lru.json)
redis=$(field miss_ratio <redis.json)
predis=$(field miss_ratio <predis.json)
s3=$(grep '"s3fifo"' sim.json | field miss_ratio)
bound=$(grep '"belady"' sim.json | field miss_ratio)
{
	echo
	printf '  %-38s %-10s %9s %10s\n' "second half of the trace" how \
	    "hit ratio" "misses cut"
	row "LRU (predis-serve --policy lru)" served "$lru"
	row "redis-server allkeys-lru, DBSIZE $held" served "$redis"
	row "S3-FIFO" simulated "$s3"
	row "Predis with its model" served "$predis"
	row "offline bound (Belady)" simulated "$bound"
	echo
	awk -v l="$lru" -v p="$predis" -v b="$bound" -v o="$objects" 'BEGIN {
		printf "From the same %d objects Predis missed %.1f%% less", o,
		    (l - p) / l * 100
		printf " than LRU: %.0f%% of what is possible.\n",
		    (l - p) / (l - b) * 100
	}'
} | tee table.txt
echo "Files: ${work#"$top/"} (events.pds, features.pds, model.pdm, train.txt," \
    "stats.txt); $(($(date +%s) - start)) s"
echo "Next: build/predis-sample print --json build/demo/events.pds | head -n 3"
echo "      build/predis-retrain validate build/demo/model.pdm"
echo "      man man/predis.7"
