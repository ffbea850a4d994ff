# predis-sample record against real servers.
bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
}

teardown() {
	[ -z "${REC:-}" ] || kill "$REC" 2>/dev/null || true
	[ -z "${DEAD:-}" ] || kill "$DEAD" 2>/dev/null || true
	stop_serve
	declare -F stop_redis >/dev/null && stop_redis
	true
}

# record OPTION...: a recorder of ./tap.sock into rec; sets REC.
record() {
	predis-sample record -d rec --from web=./tap.sock "$@" 2>record.log \
	    >/dev/null 3>&- &
	REC=$!
	wait_for connected
}

connected() {
	stat_is '.running and .sources[0].connected' && tapped 1
}

# stat_is EXPRESSION: true of the account.
stat_is() {
	predis-sample record --stat -d rec | jq -e "$1"
}

# ask FROM TO: misses of so many keys.
ask() {
	for i in $(seq "$1" "$2"); do echo "GET key:$i"; done |
	    redis-cli -p "$PORT" >/dev/null
}

# printed N: so many records, or more, are in the segments.
printed() {
	[ "$(predis-sample print rec | wc -l)" -ge "$1" ]
}

end_record() {
	kill "$REC"
	wait "$REC"
	REC=
}

@test "record: a day with kills, restarts and a full disk loses nothing silently" {
	local ns='' how=''
	# A tmpfs of our own is a disk that can be full.
	if unshare -rm true 2>/dev/null &&
	    unshare -rm mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR" 2>/dev/null; then
		ns='unshare -rm' how=tmpfs
	else
		echo '# no mount namespace here: a full disk is played in' \
		    'data_recorder_test only' >&3
	fi
	mkdir day
	# shellcheck disable=SC2086
	timeout 120 $ns python3 "$TOP/tests/lib/record_day.py" "$BIN" day 96 60 \
	    $how 3>&-
}

@test "record: batches, segments, account, index and readers" {
	start_serve --tap ./tap.sock --tap-rate 1
	record --batch-events 10 --segment 1d
	ask 1 25
	wait_for stat_is '.events_received == 25 and .streams[0].waiting < 10'
	stat_is '.segments_events + .streams[0].segment_events == 25'
	# The segment that grows can be read, and is whole as far as it goes.
	[ "$(ls rec/*Z-web-all-0.pds.part | wc -l)" -eq 1 ]
	wait_for printed 20 # the account is written before the segment
	predis-sample verify rec
	[ "$(predis-sample features rec | predis-sample print | wc -l)" -ge 20 ]
	predis-replay -p lru -s 5 rec
	predis-sample record --stat -d rec | fits sample-record
	end_record
	[ "$(ls rec/*Z-web-all-0.pds | wc -l)" -eq 1 ]
	[ "$(predis-sample print rec | cut -f 2 | tr '\n' ' ')" = "$(seq -s ' ' 1 25) " ]
	predis-sample index --list --json rec | fits sample-index
	predis-sample index -l --json rec >before
	rm rec/index.pdx
	predis-sample index --json rec >after
	jq -e -s '.[0].events == 25 and .[0].known' before
	cmp <(jq -c 'del(.closed_us)' before) <(jq -c 'del(.closed_us)' after)
	stat_is '.running == false and .segments == 1 and .segments_events == 25 and
	    .streams[0].segment_events == 0'
	# Without an account it begins with what is there.
	cp -r rec other
	head -c 100 rec/state.json >torn
	mv torn rec/state.json
	rm other/state.json
	for dir in rec other; do
		timeout 20 "$BIN/predis-sample" record -d $dir --from ./no.sock \
		    --duration 100ms 2>log || true
		[[ $(<log) == *"holds no account"*"25 events of 1 segment"* ]]
		predis-sample record --stat -d $dir | jq -e \
		    '.events_received == 25 and .segments_events == 25'
	done
	# Nobody but the owner and the group may read it.
	[ "$(stat -c %a rec/*.pds rec/index.pdx rec/state.json | sort -u)" = 640 ]
}

@test "record: only one a directory, with status 1" {
	start_serve --tap ./tap.sock --tap-rate 1
	record
	run -1 --separate-stderr predis-sample record -d rec --from ./tap.sock
	[[ $stderr == *"another process records into it"* ]]
	run -1 predis-sample index rec
	end_record
	predis-sample record -d rec --from web=./tap.sock --duration 1ms
}

@test "record: cat takes the segments of a time only" {
	local first
	start_serve --tap ./tap.sock --tap-rate 1
	record
	ask 1 5
	wait_for stat_is '.events_received == 5'
	kill -HUP "$REC"
	wait_for stat_is '.segments == 1'
	ask 6 9
	wait_for stat_is '.events_received == 9'
	end_record
	[ "$(predis-sample index -l rec | wc -l)" -eq 2 ]
	first=$(ls rec/*.pds | head -n 1)
	t=$(predis-sample index -l rec | sed -n 2p | cut -f 5)
	# The other one is not even looked into.
	head -c "$(stat -c %s "$first")" /dev/zero >zeros
	cp zeros "$first"
	predis-sample cat --from-us "$t" rec | predis-sample print | cut -f 2 >ticks
	[ "$(tr '\n' ' ' <ticks)" = "6 7 8 9 " ]
	predis-sample cat --since 1d --from-us "$t" rec | predis-sample verify
	run -2 predis-sample cat --since 2001-01-01 --until 2001-01-02 rec -o none.pds
	[ ! -e none.pds ]
	run -2 predis-sample cat --since yesterday rec -o none.pds
}

@test "record: SIGHUP reads the configuration, a wrong one changes nothing" {
	start_serve --tap ./tap.sock --tap-rate 1
	cat >conf <<-'EOF'
	[record]
	directory rec
	from web=./tap.sock
	batch-time 1h
	EOF
	predis-sample record -F conf 2>record.log 3>&- &
	REC=$!
	wait_for connected
	ask 1 3
	wait_for stat_is '.events_received == 3 and .streams[0].waiting == 3'
	echo 'on-full sometimes' >>conf
	kill -HUP "$REC"
	wait_for grep -q 'everything stays as it was' record.log
	wait_for stat_is '.segments == 1'
	sed -i -e '/on-full/d' -e 's/1h/10ms/' conf
	echo 'from other=./other.sock' >>conf
	kill -HUP "$REC"
	wait_for grep -q 'configuration read again' record.log
	wait_for grep -q 'other: cannot connect' record.log
	ask 4 6
	wait_for stat_is '.events_received == 6 and .streams[0].waiting == 0'
	# It was connected all the while.
	stat_is '.sources[0].connects == 1 and .sources[1].connected == false'
	end_record
}

@test "record: --once and --duration for cron; no source is a failure" {
	start_serve --tap ./tap.sock --tap-rate 1
	predis-sample record -d rec --from web=./tap.sock --once --batch-events 5 \
	    2>record.log 3>&- &
	REC=$!
	wait_for connected
	ask 1 5
	wait "$REC"
	REC=
	[ "$(predis-sample print rec | wc -l)" -eq 5 ]
	run -2 --separate-stderr predis-sample record -d rec --from ./no.sock \
	    --duration 10ms
	[[ $stderr == *"no source could be reached"* ]]
	run -2 predis-sample record -d rec
	run -2 predis-sample record --from ./tap.sock
	run -2 predis-sample record -d rec --from ./tap.sock --on-full never
	run -2 predis-sample record -d rec --from ./tap.sock --fsync often
	run -2 predis-sample record -d rec --from ./tap.sock --segment 0
	run -2 predis-sample record -d rec --from a=./x --from a=./y
	run -2 predis-sample record -d rec --from web=foo://x
	[[ $output == *"unknown scheme 'foo'"* ]]
	run -2 predis-sample record -d rec --from redis://127.0.0.1:99999
	run -2 predis-sample record -d rec --from redis://user:word@127.0.0.1
	[[ $output != *word@* ]]
	run -2 predis-sample record -d rec --from redis-stream://127.0.0.1
	[[ $output == *"/NAME"* ]]
	run -2 predis-sample top foo://x
	[[ $output == *"unknown scheme 'foo'"* ]]
}

@test "record: a server that hangs does not hold up the others" {
	# A socket that accepts and says nothing.
	python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("./dead.new"); s.listen(8)
import os; os.rename("dead.new", "dead.sock"); time.sleep(600)' 3>&- &
	DEAD=$!
	wait_for test -S dead.sock
	start_serve --tap ./tap.sock --tap-rate 1
	record --from dead=./dead.sock --from gone=./gone.sock --batch-events 1
	ask 1 3
	wait_for stat_is '.events_received == 3 and .streams[0].waiting == 0'
	end_record
}

@test "record: a live Redis by MONITOR" {
	command -v redis-server >/dev/null || skip 'no redis-server'
	redis-server --port 0 --unixsocket "$BATS_TEST_TMPDIR/r.sock" --save '' \
	    --dir "$BATS_TEST_TMPDIR" >redis.log 2>&1 3>&- &
	DEAD=$!
	wait_for redis-cli -s r.sock ping
	predis-sample record -d rec --from old=redis+unix:./r.sock \
	    --batch-events 1 2>record.log 3>&- &
	REC=$!
	wait_for stat_is '.sources[0].connected'
	wait_for sh -c 'redis-cli -s r.sock get k; ls rec/*-old-all-0.pds.part'
	wait_for stat_is '.events_received > 0'
	end_record
	predis-sample print rec | grep -q get
}

@test "record: each scheme of a server fills files of its own" {
	start_serve --tap ./tap.sock --tap-rate 1
	redis-cli -p "$PORT" predis.tap rate 1 by key,event
	record --batch-events 10
	ask 1 30
	wait_for stat_is '.events_received == 60'
	end_record
	[ "$(predis-sample print rec/*-web-key-0.pds | cut -f 2 | sort -n | uniq | wc -l)" -eq 30 ]
	[ "$(predis-sample print rec/*-web-event-0.pds | cut -f 2 | sort -n | uniq | wc -l)" -eq 30 ]
}

@test "record: from a network, which is told what is on the disk" {
	load ../lib/redis
	one_redis peer
	URL=redis-stream://127.0.0.1:$PORT/ev
	seq 500 | awk '{ print $1 ",k" $1 ",1,get" }' |
	    predis-sample import --format csv --to "$URL" -
	for i in 1 2; do
		# The second time there is nothing more to come.
		predis-sample record -d rec --from "net=$URL" --batch-time 200ms \
		    2>record.log 3>&- &
		REC=$!
		wait_for stat_is ".sources[0].connects == $i and .running"
		wait_for stat_is '.events_received == 500 and
		    .streams[0].waiting == 0'
		end_record
	done
	stop_redis
	[ "$(predis-sample print rec | cut -f 2 | sort -n | uniq | wc -l)" -eq 500 ]
	stat_is '.events_received == 500 and .lost_damaged == 0'
}

@test "the systemd unit and the cron file" {
	# What cron runs is a command that we have, with options that it knows.
	line=$(grep -v '^#' "$TOP/share/cron/predis-sample" | grep predis-sample)
	[ "$(echo "$line" | cut -d ' ' -f 6,7)" = 'predis predis-sample' ]
	# shellcheck disable=SC2046
	run -0 $(echo "$line" | cut -d ' ' -f 7-) --print-config
	[[ $output == *"duration	300000000us	option"* ]]
	command -v systemd-analyze >/dev/null || skip 'no systemd-analyze'
	sed -e "s#/usr/local/bin/predis-sample#$BIN/predis-sample#" \
	    -e '/^Documentation/d' "$TOP/share/systemd/predis-sample.service" \
	    >predis-sample.service
	run -0 systemd-analyze verify ./predis-sample.service
	[ -z "$(echo "$output" | grep predis-sample || true)" ]
}

@test "record: a directory that goes away ends it with 2" {
	start_serve --tap ./tap.sock --tap-rate 1
	for how in 'rm -rf rec' 'mv rec moved' 'mv rec old; mkdir rec'; do
		record --batch-time 100ms
		ask 1 10
		wait_for stat_is '.events_received == 10 and .streams[0].waiting == 0'
		bash -c "$how"
		status=0
		wait "$REC" || status=$?
		REC=
		[ "$status" -eq 2 ]
		grep -q "'rec' is gone, or another directory is there now" \
		    record.log
		rm -rf rec
	done
	# What was moved is whole.
	[ "$(predis-sample print moved | wc -l)" -eq 10 ]
}
