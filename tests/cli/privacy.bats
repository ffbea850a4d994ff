# No key leaves: planted keys are looked for in streams, in what every program
# prints of them, in logs and in numbers of a server; key files are for their
# owner alone, and keys of two key files never meet.

bats_require_minimum_version 1.5.0

MARK=Planted-4711

setup() { load ../lib/common; }

teardown() {
	[ -z "${TAPPID:-}" ] || kill "$TAPPID" 2>/dev/null || :
	stop_serve
}

cli() { redis-cli -p "$PORT" "$@"; }

# nothing_of_it FILE...: none holds the mark, as text, compressed or in hex.
nothing_of_it() {
	local f hex
	hex=$(printf %s "$MARK" | od -An -tx1 | tr -d ' \n')
	for f; do
		[ -s "$f" ] || { echo "$f is empty"; return 1; }
		if { cat "$f"; zcat -q "$f" 2>/dev/null || :; } |
		    grep -aqiE "$MARK|$hex"; then
			echo "$f has a key in it"
			return 1
		fi
	done
}

# traffic: keys and namespaces with the mark; values without.
traffic() {
	seq 300 | awk -v m="$MARK" '{
		k = m "-space:" m "-key-" ($1 % 60)
		print "GET " k; print "SET " k " " $1; print "TOUCH " k
		print "EXPIRE " k " 1000"; print "INCR " k
		if ($1 % 50 == 0) print "DEL " k }' | cli >/dev/null
	cli mget "$MARK-space:a" "$MARK-space:b" >/dev/null
}

@test "streams of a tap, and what every verb makes of them" {
	start_serve --tap "$PWD/tap" --tap-rate 1 --key-file "$PWD/key" \
	    --maxobjects 40 --log-level debug
	predis-sample tap -v "$PWD/tap" -o e.pds 2>tap.err 3>&- &
	TAPPID=$!
	wait_for tapped 1
	traffic
	cli info everything >info.out
	cli predis.stats >stats.out
	cli predis.tap info >tapinfo.out
	cli predis.ghost >ghost.out || :
	cli memory stats >memory.out
	stop_serve
	wait "$TAPPID"
	TAPPID=
	[ "$(predis-sample print e.pds | wc -l)" -gt 1200 ]
	predis-sample print --headers --json e.pds >print.json
	predis-sample print --csv e.pds >print.csv
	predis-sample info --index e.pdx e.pds >info.txt
	predis-sample cat -0 e.pds >cat.out
	predis-sample merge e.pds -o merge.pds
	predis-sample features -l -c 40 e.pds -o rows.pds
	predis-sample print --json rows.pds >rows.json
	predis-sample export -f csv rows.pds >rows.csv
	predis-sample export rows.pds -o rows.npy
	predis-sample stat e.pds >stat.out
	predis-replay -p lru,s3fifo -s 20 e.pds >replay.out
	nothing_of_it e.pds print.json print.csv info.txt e.pdx cat.out \
	    merge.pds rows.pds rows.json rows.csv rows.npy stat.out \
	    replay.out serve.log info.out stats.out tapinfo.out \
	    memory.out
	! grep -aq "$MARK" tap.err ghost.out
	# The test can fail: what holds a key is seen.
	echo "x $MARK x" | gzip >leak.gz
	run ! nothing_of_it leak.gz
	[ "$(stat -c %a key)" = 600 ]
}

@test "of namespaces only the names on the list leave" {
	start_serve --tap "$PWD/tap" --tap-rate 1 --key-file "$PWD/key" \
	    --tap-namespaces user,cart
	predis-sample tap "$PWD/tap" -o e.pds 3>&- &
	TAPPID=$!
	wait_for tapped 1
	for k in user:1 user:2 cart/7 "$MARK:1" "$MARK-2" "$MARK:user:3" user; do
		cli set "$k" 1
	done
	stop_serve
	wait "$TAPPID"
	TAPPID=
	nothing_of_it e.pds
	predis-sample print --headers --json e.pds | sed -n 1p >h; cat h
	jq -e '.header.namespaces | map(.name) == ["user", "cart"]
		and all(.id > 0)' h
	u=$(jq '.header.namespaces[0].id' h)
	c=$(jq '.header.namespaces[1].id' h)
	[ "$(predis-sample print --json e.pds | jq -c '[.ns]' | tr -d '\n')" = \
	    "[$u][$u][$c][0][0][0][0]" ]
	for list in '' a,,b a:b x,x; do
		run -2 predis-serve --port 0 --tap-namespaces "$list"
		[[ $output == *"--tap-namespaces"* ]]
	done
}

@test "imports of traces, and their errors: a line, never a key" {
	awk -v m="$MARK" 'BEGIN { print "time,key,size,op"
	    for (i = 0; i < 500; i++)
		print i "," m "-" i % 40 ",100," (i % 3 ? "get" : "set") }' >t.csv
	predis-sample import -v --key-file key t.csv -o i.pds 2>i.err
	[ "$(stat -c %a key)" = 600 ]
	predis-sample features -v t.csv -o f.pds 2>f.err
	predis-sample features -v -0 t.csv >f.raw 2>>f.err
	predis-replay -v -p lru -s 10 t.csv >r.out 2>r.err
	nothing_of_it i.pds i.err f.pds f.raw f.err r.out
	! grep -aq "$MARK" r.err
	seq 300 | awk -v m="$MARK" '{ printf "%d.000000 [0 127.0.0.1:9] " \
	    "\"get\" \"%s-%d\"\n", $1, m, $1 % 9 }' >m.txt
	predis-sample import --format monitor m.txt -o m.pds
	nothing_of_it m.pds
	# Broken lines: a number, a time and an op that are none.
	for line in "x$MARK,$MARK,100,get" "1,$MARK,x$MARK,get" \
	    "1,$MARK,100,$MARK" "$MARK" "\"$MARK" "1,$MARK"; do
		{ cat t.csv; echo "$line"; } >bad.csv
		run predis-sample import --format csv bad.csv -o bad.pds
		[[ $output != *"$MARK"* ]]
		run predis-replay -p lru -s 10 bad.csv
		[[ $output != *"$MARK"* ]]
	done
	for line in "$MARK" "1.0 [0 h:1] \"get\" \"$MARK" \
	    "1.0 [0 h:1] $MARK" "$MARK [0 h:1] \"get\" \"a\""; do
		{ cat m.txt; echo "$line"; } >bad.txt
		run predis-sample import --format monitor bad.txt -o bad.pds
		[[ $output != *"$MARK"* ]]
	done
}

@test "snapshots and dumps hold keys: they are for their owner alone" {
	umask 0
	start_serve --snapshot "$PWD/s.pdd" --key-file "$PWD/key" \
	    --log-level debug
	traffic
	cli save
	stop_serve
	[ "$(stat -c %a s.pdd)" = 600 ]
	[ "$(stat -c %a key)" = 600 ]
	nothing_of_it serve.log
}

@test "key: new, id and rotate; nobody else reads it" {
	umask 0
	id=$(predis-sample key new k)
	[ "$(stat -c %a:%s k)" = 600:32 ]
	[ "$(predis-sample key id k)" = "$id" ]
	run -2 predis-sample key new k
	[[ $output == *exists* ]]
	cp -p k before
	new=$(predis-sample key -q rotate k)
	[ "$new" != "$id" ]
	[ "$(predis-sample key id k)" = "$new" ]
	[ "$(stat -c %a:%s k)" = 600:32 ]
	run ! cmp -s k before
	[ "$(find . -name '*k*' -size -33c | wc -l)" -eq 1 ]
	for mode in 640 604 620 601; do
		chmod $mode k
		run -2 predis-sample key id k
		[[ $output == *"chmod 600"* ]]
		run -2 predis-sample key rotate k
	done
	chmod 600 k
	[ "$(predis-sample key id k)" = "$new" ]
	head -c 31 k >short
	chmod 600 short
	for a in 'id none' 'rotate none' 'id short' 'rotate short' 'id .' \
	    'away k' 'new none/k'; do
		run -2 predis-sample key $a
	done
}

@test "streams of two keys do not merge, unless asked to" {
	printf '%s\n' time,key,size,op 0,a,1,get 1,b,1,get 2,a,1,get >t.csv
	predis-sample import --key-file k t.csv -o old.pds
	predis-sample key -q rotate k
	predis-sample import --key-file k t.csv -o new.pds
	[ "$(predis-sample info --json new.pds | jq .key_hash_id)" = \
	    "$(predis-sample key id k)" ]
	run -2 predis-sample merge old.pds new.pds -o both.pds
	[[ $output == *"of different key files"*"--any-key"* ]]
	[ ! -e both.pds ]
	predis-sample merge --any-key old.pds new.pds -o both.pds
	[ "$(predis-sample print both.pds | cut -f 3 | sort -u | wc -l)" -eq 4 ]
	id=$(predis-sample info --json both.pds | jq .key_hash_id)
	for f in old new; do
		[ "$(predis-sample info --json $f.pds | jq .key_hash_id)" != \
		    "$id" ]
	done
	# Nor when one follows the other in a file.
	cat old.pds new.pds >row.pds
	run -2 predis-sample merge row.pds -o both2.pds
	[[ $output == *"different key files"* ]]
	run -2 predis-sample features row.pds -o rows.pds
	[[ $output == *"different key files"* ]]
	[ ! -e rows.pds ]
}

@test "a rotated key is in force once the server is restarted" {
	for turn in 1 2 3; do
		start_serve --tap "$PWD/tap" --tap-rate 1 --key-file "$PWD/key"
		predis-sample tap -n 1 "$PWD/tap" -o $turn.pds 3>&- &
		TAPPID=$!
		wait_for tapped 1
		[ $turn -ne 1 ] || predis-sample key -q rotate key
		cli get something
		wait "$TAPPID"
		TAPPID=
		stop_serve
		rm -f port
	done
	key() { predis-sample print --json $1.pds | jq -r .key; }
	[ "$(key 1)" != "$(key 2)" ]
	[ "$(key 2)" = "$(key 3)" ]
	[ "$(predis-sample info --json 2.pds | jq .key_hash_id)" = \
	    "$(predis-sample key id key)" ]
	[ "$(predis-sample info --json 1.pds | jq .key_hash_id)" != \
	    "$(predis-sample key id key)" ]
}
