# The tap of predis-serve: several schemes at once, rates that change, and that
# what is sampled is sent, lost and told, or waits.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	command -v redis-cli >/dev/null || skip 'no redis-cli'
	TAPPID=
}
teardown() {
	[ -z "$TAPPID" ] || kill -CONT "$TAPPID" 2>/dev/null || true
	[ -z "$TAPPID" ] || kill "$TAPPID" 2>/dev/null || true
	stop_serve
}

cli() { redis-cli -p "$PORT" "$@"; }
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }
# A field of PREDIS.TAP INFO.
tap() { cli predis.tap info | grep -A1 -x "$1" | tail -n 1; }
# sampled = sent + lost + waiting, seen at once.
balanced() {
	cli predis.tap info | paste - - | tee account | awk '
		{ n[$1] = $2 }
		END {
			rest = n["sent"] + n["lost"] + n["waiting_events"]
			exit n["sampled"] != rest
		}'
}
record() {
	predis-sample tap "$PWD/tap" -o events.pds 3>&- 2>tap.log &
	TAPPID=$!
	wait_for tapped 1
}
finish() {
	stop_serve
	wait "$TAPPID"
	TAPPID=
}
total() { predis-sample info events.pds | awk -v k="$1" '$1 == k { print $2 }'; }

@test "by key, event and window at once: each is a stream of its own" {
	start_serve --tap "$PWD/tap" --tap-rate key=50%,event=20%,window=1
	record
	redis-benchmark -p "$PORT" -n 4000 -r 1000 -t set -P 16 -q >/dev/null
	key=$(tap key_sampled) event=$(tap event_sampled)
	[ "$(tap window_sampled)" -eq 4000 ]
	[ "$(tap sampled)" -eq $((key + event + 4000)) ]
	[ "$(tap by)" = key,event,window ]
	finish
	[ ! -s tap.log ]
	predis-sample verify events.pds
	for s in key event window; do
		predis-sample print --json --scheme $s events.pds | wc -l
	done >lines
	[ "$(tr '\n' ' ' <lines)" = "$key $event 4000 " ]
	# Who needs one scheme says so, and is told to.
	for verb in features merge; do
		run -2 predis-sample $verb events.pds -o none.pds
		[[ $output == *'choose with --scheme'* ]]
	done
	run -2 predis-sample mrc events.pds
	[[ $output == *'choose with --scheme'* ]]
	predis-sample merge --scheme event events.pds -o one.pds
	[ "$(predis-sample print one.pds | wc -l)" -eq "$event" ]
	run -2 predis-replay -s 100 events.pds
	[[ $output == *'choose with --scheme'* ]]
	predis-replay -q -s 100 --scheme key events.pds >rows
	# The header that a person sees says the scheme and its rate.
	predis-sample print --headers --json events.pds >heads
	[ "$(jq -r '.header.sampling | values |
	    "\(.scheme) \(.rate)"' heads | sort -u | paste -sd,)" = \
	    'event 0.2,key 0.5,window 1' ]
}

@test "rates change while it runs, for one scheme or all, down to 0" {
	start_serve --tap "$PWD/tap" --tap-by key,event --tap-rate 1
	record
	cli set a 1
	cli predis.tap rate 0.25 by event
	[ "$(tap rate)" = key=1,event=0.25 ]
	cli predis.tap rate key=0
	[ "$(tap by)" = event ]
	cli predis.tap rate 0
	cli set a 1
	[ "$(tap sampled)" -le 2 ]
	was=$(tap sampled)
	cli predis.tap rate 1 by key,window
	[ "$(tap rate)" = 1 ]
	cli set a 1
	[ "$(tap sampled)" -eq $((was + 2)) ]
	cli config set tap-by key
	cli config set tap-rate 0.5
	[ "$(cli config get tap-rate | tail -n 1)" = 0.5 ]
	[ "$(cli config get tap-by | tail -n 1)" = key ]
	for bad in '2' 'key' 'key=2' 'none=1' 'key=1,'; do
		[[ $(cli predis.tap rate "$bad") == ERR* ]]
	done
	[[ $(cli predis.tap rate 1 by none) == ERR* ]]
	[ "$(tap rate)" = 0.5 ]
	finish
	[ ! -s tap.log ]
	predis-sample verify events.pds
	[ "$(predis-sample print events.pds | wc -l)" -eq $((was + 2)) ]
}

@test "the options name schemes and rates" {
	for o in '--tap-by key,none' '--tap-by key --tap-rate event=1' \
	    '--tap-rate key=2' '--tap-rate key:1'; do
		# shellcheck disable=SC2086
		run -2 predis-serve --port 0 $o
		[[ $output == *--tap-* ]]
	done
	start_serve --tap "$PWD/tap" --tap-rate event=1%
	[ "$(tap rate)" = 0.01 ]
	[ "$(tap by)" = event ]
	stop_serve
	start_serve --tap "$PWD/tap" --tap-rate 0
	[ "$(tap by)" = '' ]
	cli predis.tap rate 0.5
	[ "$(tap by)" = key ]
}

# The queue of a reader that is stopped is full soon, and so are the rings, which
# are drained into no queue. Everything is in the account.
@test "a reader that is stopped under load: every event is sent or counted" {
	start_serve --maxmemory 64M --tap "$PWD/tap" --tap-rate key=1,event=50%
	record
	redis-benchmark -p "$PORT" -n 20000 -r 100000 -t set,get -P 32 -q \
	    >/dev/null
	kill -STOP "$TAPPID"
	redis-benchmark -p "$PORT" -n 300000 -r 100000 -t set,get -P 32 -q \
	    >/dev/null
	memory=$(info used_memory)
	redis-benchmark -p "$PORT" -n 300000 -r 100000 -t set,get -P 32 -q \
	    >/dev/null
	[ "$(info used_memory)" -le $((64 << 20)) ]
	[ "$(tap lost)" -gt 100000 ]
	sampled=$(tap sampled)
	balanced
	[ "$(tap key_sampled)" -eq 1240000 ]
	[ $((1240000 + $(tap event_sampled))) -eq "$sampled" ]
	kill -CONT "$TAPPID"
	finish
	[ ! -s tap.log ]
	predis-sample verify events.pds
	echo "sampled $sampled read $(total events) told $(total lost_at_source)"
	[ $(($(total events) + $(total lost_at_source))) -eq "$sampled" ]
	echo "memory then $memory"
}

@test "what was lost is told though nothing more is sampled" {
	start_serve --maxmemory 2M --tap "$PWD/tap" --tap-rate 1
	record
	kill -STOP "$TAPPID"
	redis-benchmark -p "$PORT" -n 100000 -r 1000 -t set -P 64 -q >/dev/null
	lost=$(tap lost)
	[ "$lost" -gt 0 ]
	kill -CONT "$TAPPID"
	told() { [ "$(total lost_at_source)" = "$(tap lost)" ]; }
	for _ in $(seq 300); do
		told && break
		sleep 0.1
	done
	told
	finish
}

@test "CONFIG RESETSTAT keeps the account right" {
	start_serve --tap "$PWD/tap" --tap-rate 1
	record
	cli mset a 1 b 2 c 3
	cli config resetstat
	balanced
	finish
	[ "$(total events)" -eq 3 ]
}

# now US: sets the clock of the programs under tests/clock.
now() { echo "$1" >clock.new && mv clock.new clock; }
watched() { [ "$(redis-cli -s r info clients | grep -c "^connected_clients:$1")" = 1 ]; }

@test "what is no tap is told: by its silence, or by what it says" {
	redis-server --port 0 --unixsocket "$PWD/r" --save '' --dir . \
	    >redis.log 2>&1 3>&- &
	TAPPID=$!
	wait_for redis-cli -s r ping
	export PREDIS_TEST_CLOCK=$PWD/clock
	now 1000000
	sample=$BIN/tests/clock/predis-sample
	timeout 60 "$sample" tap ./r -o none.pds 2>tap.err 3>&- &
	tap=$!
	timeout 60 "$sample" record -d dir --from a=./r 2>record.err 3>&- &
	record=$!
	timeout 60 "$sample" top --once --interval 1s ./r 2>top.err 3>&- &
	top=$!
	wait_for watched 4
	run ! grep nothing tap.err record.err top.err
	now 7000000
	# One report will not come; who is there for good goes on.
	status=0
	wait "$top" || status=$?
	[ "$status" -eq 2 ]
	for f in tap record top; do
		wait_for grep -q "nothing comes from './r': .*redis://" $f.err
	done
	watched 3
	kill "$record" "$tap"
	wait "$record"
	wait "$tap"
	# And who speaks another language.
	echo '-ERR unknown command' >hello
	for verb in 'tap -o other.pds' top; do
		python3 "$TOP/tests/lib/tap_server.py" sock hello 0.01 3>&- &
		wait_for test -S sock
		run -2 predis-sample $verb ./sock
		[[ $output == *"'./sock' sends no stream: it is no tap" ]]
		wait $!
		rm sock
	done
}

@test "an idle server is left when nobody reads the output" {
	start_serve --tap "$PWD/tap" --tap-rate 1
	timeout 60 "$BIN/predis-sample" tap "$PWD/tap" 2>log 3>&- |
	    head -c 10 >/dev/null
	[[ $(<log) == *"nobody reads the output"* ]]
}
