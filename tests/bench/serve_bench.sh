#!/bin/sh
# make bench-serve: predis-serve beside redis-server and memcached in one run.
# Server on one core, client on another, the servers in turn, there and back;
# processor time of the server (schedstat) as ratios of the same round, of
# which the median is judged and the lowest and highest are shown. Rates by the
# clock mean nothing on a shared machine and are not taken.
#
# predis-serve has a model, trained at the start from requests that its own tap
# sampled, and the tap on at its default rate with a reader.
#
# Environment:
#   PARTS   speed large peers evict threads memory start instructions sampling
#           stall; default all
#   POLICIES        of predis-serve (selector learned)
#   PEER            redis; empty: instructions and memory without others
#   KEYS    1000000; of redis-benchmark's keys, and what is loaded
#   PAIRS   rounds (5)	PIPELINES (1 16 64)	N  operations a round at P1
#           (20000; five times as many in batches of 16, ten times of 64)
#   JSON    file of the figures, one object a line ($B/bench-serve.json)
#   QUICK=1 fewer keys, rounds and parts: under a minute
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/bench/servers.sh
. "$top/tests/bench/servers.sh"
# shellcheck source=tests/bench/figures.sh
. "$top/tests/bench/figures.sh"
# shellcheck source=tests/bench/serve_speed.sh
. "$top/tests/bench/serve_speed.sh"
# shellcheck source=tests/bench/serve_cost.sh
. "$top/tests/bench/serve_cost.sh"
want redis-server redis-benchmark redis-cli taskset paste
if [ "${QUICK:-0}" = 1 ]; then
	KEYS=${KEYS:-100000} PAIRS=${PAIRS:-3} PIPELINES=${PIPELINES:-1 16}
	PARTS=${PARTS:-speed evict memory start instructions stall threads}
	LOADED=${LOADED:-10,0 10,86400}
	PEER_KEYS=${PEER_KEYS:-20000} EVICT_KEYS=${EVICT_KEYS:-40000}
	COUNT=${COUNT:-4000} STARTS=${STARTS:-5} LOADS=${LOADS:-1}
	N=${N:-5000}
fi
KEYS=${KEYS:-1000000} PAIRS=${PAIRS:-5} PIPELINES=${PIPELINES:-1 16 64}
PARTS=${PARTS:-speed large peers evict threads memory start instructions \
    sampling stall}
POLICIES=${POLICIES:-selector learned} PEER=${PEER-redis}
LOADED=${LOADED:-10,0 11,0 10,86400} # tenths of KEYS, seconds to live
PEER_KEYS=${PEER_KEYS:-200000} EVICT_KEYS=${EVICT_KEYS:-400000}
COUNT=${COUNT:-20000} COUNT_KEYS=${COUNT_KEYS:-100000}
COUNT_PIPELINES=${COUNT_PIPELINES:-1 16}
STARTS=${STARTS:-10} LOADS=${LOADS:-3}
N=${N:-20000}
JSON=${JSON:-$B/bench-serve.json}
case $JSON in /*) ;; *) JSON=$PWD/$JSON ;; esac
: >"$JSON" || exit 2
cd "$work" || exit 2 # names of sockets must be short

# train: a model from what the tap saw of requests as part evict makes them.
train() {
	start_predis teacher -m 1G --maxobjects 2000 -P learned \
	    --tap ./teacher.tap --tap-rate 1
	read_tap teacher
	ask teacher aside -P 16 -r 8000 -z 0.9 -n 80000 >/dev/null
	sleep 1.2 # blocks of the stream close after a second
	stop teacher.reader
	predis-retrain train -q -c 2000 -o "$work/model.pdm" \
	    "$work/teacher.pds" >"$work/train.txt" 2>&1 ||
		cp "$work/train.txt" /dev/stderr
	stop teacher
	[ -s "$work/model.pdm" ] || { cat "$work"/*.log >&2; echo "no model"; exit 2; }
}

started=$(date +%s)
echo "$(redis-server --version | cut -d ' ' -f 1-3), $(predis-serve --version)"
train
for part in $PARTS; do
	(part_"$part")
done
echo
awk '/"bar":/ {bars++} /"ok":false/ {missed++}
    END {printf "%d of %d bars missed", missed, bars}' "$JSON"
echo "; figures in $JSON; $(($(date +%s) - started)) s"
