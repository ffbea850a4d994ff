#!/bin/sh
# The same memory, real servers: redis-server (allkeys-lru, allkeys-lfu) and
# predis-serve under every policy asked for, each with the same maxmemory, play
# the same trace as a cache-aside client would (GET, and SET on a miss), one
# request at a time, or PIPELINE of them (then a key asked twice within a batch
# can miss twice, whatever the server). The servers that learn are trained on
# the first half by the tap of one of them and load the model; misses are
# counted on the second half. What bookkeeping costs shows as fewer keys.
#
# CPU is that of the server process (schedstat), ns for each GET or SET: over
# the second half, and at 16 requests a batch over its last fifth, the servers
# in turn, PAIRS rounds, the median; with its ratio to redis allkeys-lru of the
# same round.
#
# Environment: TRACES (web07 orm_night_head; see traces.sh), OBJECTS (10%: keys
# of so many objects fit into redis), VALUES (bytes: 1000), POLICIES of
# predis-serve (lru learned, and selector where there is one), PAIRS (3),
# PIPELINE (1).
# shellcheck disable=SC2086
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
. "$top/tests/bench/traces.sh"
TRACES=${TRACES:-$top/share/traces/web07.csv.gz
$top/share/traces/orm_night_head.csv.gz}
OBJECTS=${OBJECTS:-10%} VALUES=${VALUES:-1000} PAIRS=${PAIRS:-3}
PIPELINE=${PIPELINE:-1}
if [ -z "${POLICIES:-}" ]; then
	POLICIES='lru learned'
	predis-serve --help | grep -q selector && POLICIES="$POLICIES selector"
fi
want redis-server redis-cli taskset
last=$(($(nproc) - 1))

cli() { # SERVER COMMAND...
	s=$1
	shift
	redis-cli -s "$work/$s.sock" "$@"
}
up() { # SERVER: up to ten seconds
	for _ in $(seq 200); do
		cli "$1" ping >/dev/null 2>&1 && return
		sleep 0.05
	done
	echo "no answer from $1" >&2
	exit 2
}
start_redis() { # SERVER POLICY OPTION...
	s=$1 policy=$2
	shift 2
	taskset -c 0 redis-server --port 0 --unixsocket "$work/$s.sock" \
	    --save '' --appendonly no --logfile /dev/null \
	    --maxmemory-policy "$policy" "$@" &
	echo $! >"$work/$s.pid"
	pids="$pids $!"
	up "$s"
}
start_predis() { # SERVER POLICY OPTION...
	s=$1 policy=$2
	shift 2
	taskset -c 0 predis-serve --port 0 --unixsocket "$work/$s.sock" \
	    --policy "$policy" --log-level warning "$@" >"$work/$s.log" 2>&1 &
	echo $! >"$work/$s.pid"
	pids="$pids $!"
	up "$s"
}
cpu() { awk '{s += $1} END {printf "%.0f\n", s}' /proc/"$1"/task/*/schedstat; }
rss() { awk '/VmRSS/ {print $2 * 1024}' "/proc/$(cat "$work/$1.pid")/status"; }
# play SERVER OPTION...: requests, misses and CPU ns for each GET or SET.
play() {
	s=$1
	shift
	pid=$(cat "$work/$s.pid")
	before=$(cpu "$pid")
	taskset -c "$last" predis-replay --server "$work/$s.sock" \
	    --value-size "$size" --pipeline "$PIPELINE" --json "$@" "$trace" >"$work/played" || exit 2
	jq -r --argjson cpu "$(($(cpu "$pid") - before))" '[.requests, .misses,
	    ($cpu / (.requests + .misses) | round)] | @tsv' "$work/played"
}

# memory_for N: bytes that redis uses with the first N keys of the trace.
memory_for() {
	start_redis probe noeviction
	zcat -f "$trace" | awk -F, -v n="$1" -v size="$size" '
		BEGIN { value = sprintf("%" size "s", "") }
		NR > 1 && !seen[$2]++ { print "SET " $2 " \"" value "\"" }
		NR > 1 && seen[$2] == 1 && ++k == n { exit }' |
	    cli probe >/dev/null
	cli probe info memory | tr -d '\r' | sed -n 's/^used_memory://p'
	cli probe shutdown nosave 2>/dev/null
}

# learn SERVER: while it plays the first half, its tap is recorded; a model is
# trained for as many keys as it holds.
learn() {
	predis-sample tap "$work/tap" -o "$work/events.pds" 2>/dev/null &
	tap=$!
	pids="$pids $tap"
	for _ in $(seq 200); do
		[ -s "$work/events.pds" ] && break
		sleep 0.05
	done
	play "$1" --to 50% >/dev/null
	sleep 1.2
	kill "$tap"
	wait "$tap"
	rm -f "$work/model.pdm"
	predis-retrain train -q -c "$(cli "$1" dbsize)" \
	    -o "$work/model.pdm" "$work/events.pds" >/dev/null 2>"$work/why"
	[ -s "$work/why" ] && sed 's/^/  /' "$work/why" >&2
	rm -f "$work/events.pds"
	cli "$1" config set tap-rate 0.001 >/dev/null
}

# The shares of row SERVER NAME.
row() {
	cat "$work/$1.half" |
	    while read -r requests misses ns; do
		printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%+.1f%%\t%.1f\t%s\t%s\t%s\n' \
		    "$name" "$size" "$memory" "$2" "$(cli "$1" dbsize)" \
		    "$misses" \
		    "$(awk "BEGIN {printf \"%.4f\", $misses / $requests}")" \
		    "$(awk "BEGIN {print ($misses / $base - 1) * 100}")" \
		    "$(awk "BEGIN {print $(rss "$1") / 1e6}")" "$ns" \
		    "$(median <"$work/$1.ns")" \
		    "$(median <"$work/$1.ratio" | xargs printf %.2f)"
	    done
}

# one TRACE-FILE VALUE-SIZE
one() {
	trace=$1 size=$2
	name=$(basename "${trace%.gz}" .csv)
	objects=$(predis-replay -q -p lru -s "$OBJECTS" -j "$trace" |
	    jq .size_objects)
	memory=$(memory_for "$objects")
	servers='redis-lru redis-lfu'
	start_redis redis-lru allkeys-lru --maxmemory "$memory"
	start_redis redis-lfu allkeys-lfu --maxmemory "$memory"
	learner=
	for p in $POLICIES; do
		servers="$servers predis-$p"
		case $p in
		lru | s3fifo | lirs | qdlp | wtinylfu)
			start_predis "predis-$p" "$p" --maxmemory "$memory"
			;;
		*)
			if [ -z "$learner" ]; then
				learner=predis-$p
				start_predis "predis-$p" "$p" \
				    --maxmemory "$memory" \
				    --tap "$work/tap" --tap-rate 1
			else
				start_predis "predis-$p" "$p" \
				    --maxmemory "$memory"
			fi
			;;
		esac
	done
	[ -z "$learner" ] || learn "$learner"
	for s in $servers; do
		[ "$s" = "$learner" ] || play "$s" --to 50% >/dev/null
	done
	for s in $servers; do
		case $s in redis-* | predis-lru) continue ;; esac
		[ ! -e "$work/model.pdm" ] ||
		    cli "$s" predis.model load "$work/model.pdm" >/dev/null
	done
	for s in $servers; do
		play "$s" --skip 50% >"$work/$s.half"
		: >"$work/$s.ns"
		: >"$work/$s.ratio"
	done
	for _ in $(seq "$PAIRS"); do
		for s in $servers; do
			play "$s" --skip 90% --pipeline 16 | cut -f 3 \
			    >"$work/$s.now"
			cat "$work/$s.now" >>"$work/$s.ns"
			awk -v a="$(cat "$work/$s.now")" \
			    -v b="$(cat "$work/redis-lru.now")" \
			    'BEGIN {print a / b}' >>"$work/$s.ratio"
		done
	done
	base=$(cut -f 2 "$work/redis-lru.half")
	for s in $servers; do
		row "$s" "$s"
	done
	end
	rm -f "$work/model.pdm" "$work"/*.sock
}

printf 'trace\tvalue\tmaxmemory\tserver\tkeys\tmisses\tmiss_ratio\t'
printf 'against redis lru\tRSS MB\tCPU ns/op\tbatched\tratio\n'
files=$(trace_files) || exit 2
for f in $files; do
	for v in $VALUES; do
		one "$f" "$v"
	done
done
