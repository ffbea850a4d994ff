# A reader of the tap that is stopped for a minute under full load, with one loop
# and with two.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	command -v redis-benchmark >/dev/null || skip 'no redis-benchmark'
	TAPPID='' LOADPID=''
}
teardown() {
	for p in $LOADPID $TAPPID; do
		kill "$p" 2>/dev/null || true
		kill -CONT "$p" 2>/dev/null || true
	done
	stop_serve
}

cli() { redis-cli -p "$PORT" "$@"; }
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }
tap() { cli predis.tap info | grep -A1 -x "$1" | tail -n 1; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$PID/status"; }
total() { predis-sample info events.pds | awk -v k="$1" '$1 == k { print $2 }'; }

loaded() { [ "$(tap sampled)" -gt 0 ]; }

# stopped SECONDS THREADS
stopped() {
	start_serve --maxmemory 64M --threads "$2" --tap "$PWD/tap" \
	    --tap-rate key=1,event=10%
	predis-sample tap "$PWD/tap" -o events.pds 3>&- 2>tap.log &
	TAPPID=$!
	wait_for tapped 1
	redis-benchmark -p "$PORT" -n 1000000000 -r 100000 -t set,get -P 32 \
	    -q >/dev/null 2>&1 3>&- &
	LOADPID=$!
	wait_for loaded
	kill -STOP "$TAPPID"
	: >sizes
	for _ in $(seq "$1"); do
		sleep 1
		rss >>sizes
		[ "$(info used_memory)" -le $((64 << 20)) ]
		[ "$(cli ping)" = PONG ]
	done
	kill "$LOADPID"
	wait "$LOADPID" || true
	LOADPID=
	paste -sd ' ' sizes
	# From the third second on: no more than 8 MiB.
	sed -n '3p;$p' sizes | paste - - | awk '{ exit !($2 - $1 <= 8192) }'
	sampled=$(tap sampled)
	[ "$(tap lost)" -gt 0 ]
	kill -CONT "$TAPPID"
	stop_serve
	wait "$TAPPID"
	TAPPID=
	cat tap.log
	[ ! -s tap.log ]
	predis-sample verify events.pds
	echo "sampled $sampled, read $(total events)," \
	    "told $(total lost_at_source)"
	[ $(($(total events) + $(total lost_at_source))) -eq "$sampled" ]
}

@test "a reader that is stopped for a minute: memory flat, all is counted" {
	stopped "${STOPPED_S:-60}" 1
}

@test "the same with two loops" {
	stopped "${STOPPED_S:-60}" 2
}
