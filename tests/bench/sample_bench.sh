#!/bin/sh
# make bench-sample: what sampling costs an operation of predis-serve. One server
# whose tap is read all the time and whose rates change by PREDIS.TAP RATE, so
# that the same process does the same operations with the tap off, at 0.1% by
# key, by event, by window and by two of them, and at 100%.
#
# instructions  user instructions of GET and SET in batches of 16, callgrind,
#               within the store: what decides, and what it does for a sample
# server        the same of the whole server, with the sending of samples and
#               with what runs by the clock: the least of COUNTS
# misses        of the first and of the last level of a simulated cache, data,
#               within the store: no line is touched for the tap
# time          processor time an operation (schedstat), off and on in turn
#               (ABBA), TOGGLES times: the mean ratio with its 95% interval by
#               bootstrap, which tells what it can resolve
# monitor       what MONITOR costs redis-server, beside it
#
# Environment: PARTS (all), KEYS (100000), COUNT (20000 operations a count),
# COUNTS (5), TOGGLES (200), N (20000 operations between toggles), JSON.
# shellcheck disable=SC2086,SC2046
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/bench/servers.sh
. "$top/tests/bench/servers.sh"
# shellcheck source=tests/bench/figures.sh
. "$top/tests/bench/figures.sh"
want redis-cli taskset
PARTS=${PARTS:-instructions server misses time monitor}
KEYS=${KEYS:-100000} COUNT=${COUNT:-20000} COUNTS=${COUNTS:-5}
TOGGLES=${TOGGLES:-200} N=${N:-20000}
JSON=${JSON:-$B/bench-sample.json}
case $JSON in /*) ;; *) JSON=$PWD/$JSON ;; esac
: >"$JSON" || exit 2
cd "$work" || exit 2 # names of sockets must be short
UNDER=

# rate KEY EVENT WINDOW: from now on; looked at once it is in force.
rate() {
	[ "$(cli tap predis.tap rate "key=$1,event=$2,window=$3")" = OK ] ||
	    { echo "cannot set the rate" >&2; exit 2; }
}
# start UNDER...: the server "tap", loaded, with a reader.
start() {
	UNDER=$*
	start_predis tap -m 1G -P lru --tap ./tap.tap --tap-rate 1
	UNDER=
	read_tap tap
	rate 0 0 0
	ask tap load -c 1 -P 16 -r "$KEYS" >/dev/null
	ask tap get -c 1 -P 16 -r "$KEYS" -n 2000 >/dev/null
}
finish() {
	stop tap.reader
	stop tap
}
has_callgrind() {
	command -v valgrind >/dev/null && return
	echo "no valgrind: skipped"
	return 1
}
callgrind="valgrind -q --tool=callgrind --dump-before=run_echo
    --dump-before=echoCommand --callgrind-out-file=$work/cg"
within="--toggle-collect=pd_store_read --toggle-collect=pd_store_put"

# count NAME WHAT: what a dump's summary has for these operations, an operation.
count() {
	cli "$1" echo from >/dev/null
	rm -f "$work"/cg*
	ask "$1" "$2" -c 1 -P 16 -r "$KEYS" -n "$COUNT" >/dev/null
	cli "$1" echo to >/dev/null
	awk -v n="$COUNT" '/^(summary|totals):/ {
		most = NF
		for (i = 2; i <= NF; i++)
			sum[i] = $i / n
	    }
	    END {
		if (most < 2)
			print "nothing was counted" >"/dev/stderr"
		for (i = 2; i <= most; i++)
			printf "%s%.3f", (i > 2 ? " " : ""), sum[i]
		print ""
	    }' "$work"/cg*
}
least() {
	for _ in $(seq "$COUNTS"); do
		count "$@"
	done | sort -g | head -n 1
}
minus() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f\n", a - b}'; }

# name, rates by key, event and window, and how many instructions more may be.
schemes='key:0.001:0:0:4 event:0:0.001:0:4 window:0:0:0.001:4
    key+event:0.001:0.001:0:8 all:1:0:0:-'
# deltas LABEL: the count of each scheme over that without any.
deltas() {
	for what in get set; do
		rate 0 0 0
		off=$(least tap $what)
		[ -n "$off" ] || exit 2
		figure instructions "$what, $1" off "$off" ''
		for s in $schemes; do
			rate $(echo "$s" | awk -F: '{print $2, $3, $4}')
			on=$(least tap $what)
			figure instructions "$what, $1, more" "${s%%:*}" \
			    "$(minus "$on" "$off")" '' \
			    "$([ "$1" = store ] && echo "${s##*:}" || echo -)"
		done
	done
}
part_instructions() {
	has_callgrind || return
	headline "user instructions an operation in batches of 16"
	start $callgrind $within
	deltas store
	finish
}
part_server() {
	has_callgrind || return
	headline "of the whole server, with what runs by the clock"
	start $callgrind
	deltas server
	finish
}
part_misses() {
	has_callgrind || return
	headline "misses of data an operation, within the store (simulated)"
	start $callgrind $within --cache-sim=yes
	rate 0 0 0
	(count tap get) >/dev/null
	for s in off:0:0:0:- $schemes; do
		rate $(echo "$s" | awk -F: '{print $2, $3, $4}')
		(count tap get) >off
		# Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
		figure misses "get, first level" "${s%%:*}" \
		    "$(awk '{print $5 + $6}' off)" ''
		figure misses "get, last level" "${s%%:*}" \
		    "$(awk '{print $8 + $9}' off)" ''
	done
	finish
}

# Ratios of on to off, one a line, to their mean and its interval.
interval() {
	awk '{ v[NR] = $1; sum += $1 }
	    END {
		srand(1)
		for (b = 1; b <= 2000; b++) {
			s = 0
			for (i = 1; i <= NR; i++)
				s += v[int(rand() * NR) + 1]
			print s / NR
		}
	    }' "$1" | sort -g >"$work/boot"
	awk '{ s += $1 } END { printf "%.5f ", s / NR }' "$1"
	sed -n '50p;1950p' "$work/boot" | paste -sd ' ' -
}
# One stretch: processor ns an operation.
stretch() {
	ask tap get -c 1 -P 16 -r "$KEYS" -n "$N" | field cpu_ns |
	    awk -v n="$N" '{print $1 / n}'
}
part_time() {
	headline "processor time of a GET, tap at 0.1% against off"
	start
	for s in key:0.001:0:0 key+event:0.001:0.001:0; do
		: >ratios
		: >offs
		for i in $(seq $((TOGGLES / 4))); do
			: >quad
			# Off, on, on, off; and the other way round.
			for on in $([ $((i % 2)) = 0 ] && echo 0 1 1 0 ||
			    echo 1 0 0 1); do
				if [ "$on" = 1 ]; then
					rate $(echo "$s" |
					    awk -F: '{print $2, $3, $4}')
				else
					rate 0 0 0
				fi
				echo "$on $(stretch)" >>quad
			done
			awk '{ t[$1] += $2 } END { print t[1] / t[0] }' quad \
			    >>ratios
			awk '$1 == 0 { print $2 }' quad >>offs
		done
		interval ratios >figures
		read -r ratio low high <figures
		figure time "get, on / off" "${s%%:*}" "$ratio" 'x off' - \
		    "$low" "$high"
		figure time "get, off" "${s%%:*}" "$(median <offs)" ns
		echo "  mean $ratio, 95% interval $low to $high"
	done
	# Ticks of the clock in user mode, of all: since the start.
	figure time "get, of it in user mode" off "$(awk '{
		sub(/.*\) /, "")
		printf "%.2f\n", $12 / ($12 + $13)
	}' "/proc/$(pid tap)/stat")" ''
	finish
}
part_monitor() {
	has_callgrind || return
	command -v redis-server >/dev/null || return
	headline "MONITOR on redis-server, instructions a GET"
	UNDER=$callgrind
	start_redis redis
	UNDER=
	ask redis load -c 1 -P 16 -r "$KEYS" >/dev/null
	off=$(least redis get)
	figure monitor "get" "off" "$off" ''
	client redis-cli -p "$(port redis)" monitor >/dev/null 2>&1 &
	launched monitor $!
	for _ in $(seq 600); do
		cli redis client list | grep -q 'cmd=monitor' && break
		sleep 0.05
	done
	figure monitor "get, more" "monitor" \
	    "$(minus "$(least redis get)" "$off")" ''
	stop monitor
	stop redis
}

for part in $PARTS; do
	(part_"$part")
done
echo
awk '/"bar":/ {bars++} /"ok":false/ {missed++}
    END {printf "%d of %d bars missed\n", missed, bars}' "$JSON"
