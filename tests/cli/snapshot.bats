# Snapshots of predis-serve: what a restart keeps, and what cannot hurt it.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

cli() { redis-cli -p "$PORT" "$@"; }

# info FIELD: its value in INFO persistence.
info() { cli info persistence | tr -d '\r' | sed -n "s/^$1://p"; }

loaded() { [ "$(info async_loading)" = 0 ]; }
saved() { [ "$(info rdb_bgsave_in_progress)" = 0 ]; }

# keys N [VALUE]: sets key:1 to key:N.
keys() {
	seq "$1" | awk -v v="${2:-value}" '
	    { printf "SET key:%d %s\r\n", $1, v }' |
	    cli --pipe | grep -q 'errors: 0'
}

again() {
	rm -f port
	start_serve "$@"
	wait_for loaded
}

@test "a restart keeps keys, times to live, databases and hits" {
	start_serve --snapshot cache.pdsnap
	loaded
	keys 5000
	cli -n 15 set other "$(printf 'a b')" EX 1000
	cli set short x PX 1
	head -c 3000000 /dev/urandom >large
	cli -x set blob <large
	kill -TERM "$PID"
	wait "$PID"
	[ "$(stat -c %a cache.pdsnap)" = 600 ]
	again --snapshot cache.pdsnap
	[ "$(cli dbsize)" = 5001 ]
	[ "$(cli -n 15 get other)" = 'a b' ]
	[ "$(cli -n 15 ttl other)" -gt 900 ]
	cli --no-raw get blob >/dev/null
	cli get blob | head -c 3000000 | cmp - large
	[ "$(cli get key:1)" = value ]
	[ "$(cli get key:5000)" = value ]
	# What was loaded is neither hit nor miss; what was asked is.
	cli info stats | tr -d '\r' >stats
	grep -qx keyspace_hits:5 stats
	grep -qx keyspace_misses:0 stats
	[ "$(info rdb_last_load_keys_loaded)" = 5002 ]
	grep -q '5002 keys loaded' serve.log
}

@test "SAVE, BGSAVE, LASTSAVE and SHUTDOWN with and without a file" {
	start_serve
	cli save | grep -q '^ERR no file'
	cli bgsave | grep -q '^ERR no file'
	[ "$(cli lastsave)" -gt 1700000000 ]
	[ "$(cli config get snapshot | tail -n 1)" = '' ]
	cli shutdown save || true
	wait "$PID"
	again --snapshot cache.pdsnap
	cli set k 1
	[ "$(info rdb_changes_since_last_save)" = 1 ]
	[ "$(cli save)" = OK ]
	[ "$(info rdb_changes_since_last_save)" = 0 ]
	cli bgsave foo | grep -q '^ERR syntax error'
	cli set k 2
	[ "$(cli bgsave)" = 'Background saving started' ]
	wait_for saved
	[ "$(info rdb_saves)" = 2 ]
	[ "$(info rdb_last_bgsave_status)" = ok ]
	[ "$(info snapshot_last_keys)" = 1 ]
	cli set k 3
	cli shutdown nosave || true
	wait "$PID"
	again --snapshot cache.pdsnap
	[ "$(cli get k)" = 2 ]
	cli set k 4
	cli shutdown || true
	wait "$PID"
	again --snapshot cache.pdsnap
	[ "$(cli get k)" = 4 ]
}

@test "the interval writes one when keys have changed" {
	printf 'snapshot-interval = 1h\n' >conf
	start_serve --config conf --snapshot cache.pdsnap
	[ "$(cli config get snapshot-interval | tail -n 1)" = 3600 ]
	cli config set snapshot-interval 0.5s |
	    grep -q 'must be 0, or 1s or more'
	[ "$(cli config set snapshot-interval 1 snapshot-compress yes \
	    snapshot-max-bytes 1gb)" = OK ]
	cli config set snapshot other | grep -q immutable
	[ "$(cli config rewrite)" = OK ]
	grep -qx 'set snapshot-interval=1' conf
	grep -qx 'set snapshot-compress=yes' conf
	grep -qx 'set snapshot-max-bytes=1073741824' conf
	cli set k "$(printf '%01000d' 0)"
	wait_for test -s cache.pdsnap
	[ "$(stat -c %s cache.pdsnap)" -lt 500 ]
	kill -KILL "$PID"
	wait "$PID" || true
	again --config conf --snapshot cache.pdsnap
	[ "$(cli strlen k)" = 1000 ]
	[ "$(cli config get snapshot-interval | tail -n 1)" = 1 ]
}

@test "kill -9 in the middle leaves the old snapshot" {
	start_serve --snapshot cache.pdsnap
	keys 100 old
	[ "$(cli save)" = OK ]
	cp cache.pdsnap before
	# It may be done before the signal comes: then again, with more keys.
	for n in 200000 400000 800000 1600000; do
		keys $n new
		cli bgsave
		kill -KILL "$PID"
		wait "$PID" || true
		cmp cache.pdsnap before && break
		again --snapshot cache.pdsnap
		[ "$(cli dbsize)" = $n ] # all of it, or nothing
		stop_serve
		cp before cache.pdsnap
		again --snapshot cache.pdsnap
	done
	cmp cache.pdsnap before
	again --snapshot cache.pdsnap
	[ "$(cli dbsize)" = 100 ]
	[ "$(cli get key:100)" = old ]
	[ -z "$(compgen -G '.cache.pdsnap.tmp.*')" ]
}

@test "a start removes what a killed one left of a snapshot, no live one's" {
	echo left >.cache.pdsnap.tmp.abcdef
	echo other >.other.pdsnap.tmp.abcdef
	exec 8>.cache.pdsnap.tmp.ABCDEF
	flock 8
	start_serve --snapshot cache.pdsnap 8>&-
	[ ! -e .cache.pdsnap.tmp.abcdef ]
	[ -e .cache.pdsnap.tmp.ABCDEF ]
	[ -e .other.pdsnap.tmp.abcdef ]
	# Nobody holds it any more: the next snapshot removes it, in the sandbox.
	exec 8>&-
	wait_for loaded
	cli set k 1
	[ "$(cli save)" = OK ]
	[ -z "$(compgen -G '.cache.pdsnap.tmp.*')" ]
	[ -e .other.pdsnap.tmp.abcdef ]
}

# refused FILE MESSAGE: a server does not start with this snapshot.
refused() {
	run -2 timeout 30 predis-serve --port 0 --port-file port --snapshot "$1"
	[[ $output == *"$2"* ]]
	[[ $output != *ready* ]]
}

@test "a snapshot that cannot be written is told at the start" {
	mkdir folder
	refused nowhere/cache.pdsnap \
	    "cannot create 'nowhere/cache.pdsnap': No such file or directory"
	refused folder "cannot create 'folder': it is a folder"
	ln -s nowhere/cache.pdsnap link
	refused link "No such file or directory"
	[ -z "$(compgen -G '.*.tmp.*')" ]
	[ ! -e port ]
	if [ "$(id -u)" != 0 ]; then
		chmod 500 folder
		refused folder/cache.pdsnap 'Permission denied'
		chmod 700 folder
	fi
	echo >file
	refused file/cache.pdsnap 'Not a directory'
}

@test "a disk that is full fails the snapshot and nobody else" {
	start_serve --snapshot cache.pdsnap
	keys 100 old
	[ "$(cli save)" = OK ]
	cp cache.pdsnap before
	stop_serve
	cmp cache.pdsnap before || cp cache.pdsnap before
	# Files of at most 16 blocks of 512 or 1024 bytes.
	rm -f port
	(
		trap '' XFSZ
		ulimit -f 16
		exec predis-serve --port 0 --port-file port \
		    --snapshot cache.pdsnap >small.log 2>log 3>&-
	) &
	PID=$!
	wait_for test -s port
	PORT=$(cat port)
	wait_for loaded
	keys 20000 new
	cli save | grep -q '^ERR cannot write'
	[ "$(info rdb_last_bgsave_status)" = err ]
	cli bgsave
	wait_for saved
	[ "$(info rdb_last_bgsave_status)" = err ]
	[ "$(cli get key:20000)" = new ]
	[ "$(cli set key:1 newer)" = OK ]
	cli shutdown | grep -q '^ERR Errors trying to SHUTDOWN'
	[ "$(cli ping)" = PONG ]
	cmp cache.pdsnap before
	find . -name '.cache*' | grep . && return 1
	cli shutdown force || true
	wait "$PID"
	cmp cache.pdsnap before
}

@test "a bad snapshot does not keep it from starting" {
	start_serve --snapshot cache.pdsnap
	keys 20000
	stop_serve
	cp cache.pdsnap good
	size=$(stat -c %s good)
	# Cut off.
	head -c $((size / 2)) good >cache.pdsnap
	again --snapshot cache.pdsnap
	n=$(cli dbsize)
	[ "$n" -gt 1000 ]
	[ "$n" -lt 20000 ]
	grep -q "snapshot 'cache.pdsnap' is cut off at byte" serve.log
	[ "$(info snapshot_load_torn)" = 1 ]
	cli shutdown nosave || true
	wait "$PID"
	# Damaged in the middle: one block.
	cp good cache.pdsnap
	printf XXXX | dd of=cache.pdsnap bs=1 seek=$((size / 2)) conv=notrunc \
	    2>dd.log
	again --snapshot cache.pdsnap
	n=$(cli dbsize)
	[ "$n" -gt 10000 ]
	[ "$n" -lt 20000 ]
	grep -q 'is damaged at byte' serve.log
	[ "$(info snapshot_load_keys_lost)" = $((20000 - n)) ]
	cli shutdown nosave || true
	wait "$PID"
	# Something else, nothing.
	for what in other empty; do
		case $what in
		other) head -c 100000 /dev/urandom >cache.pdsnap ;;
		empty) : >cache.pdsnap ;;
		esac
		again --snapshot cache.pdsnap
		[ "$(cli ping)" = PONG ]
		[ "$(cli dbsize)" = 0 ]
		grep -q 'starting empty: ' serve.log
		[ "$(info snapshot_load_failures)" = 1 ]
		# Whose it is, is not known: it stays until a command says so.
		cp cache.pdsnap before
		cli set k 1
		kill "$PID"
		wait "$PID"
		cmp cache.pdsnap before
		grep -q 'stays as it is: it could not be read' serve.log
		again --snapshot cache.pdsnap
		cli set k 2
		[ "$(cli save)" = OK ]
		cli set k 3
		kill "$PID"
		wait "$PID"
		again --snapshot cache.pdsnap
		[ "$(cli get k)" = 3 ]
		cli shutdown nosave || true
		wait "$PID"
	done
}

@test "it answers while it loads, and what clients write stays" {
	start_serve --snapshot cache.pdsnap --maxmemory 1G
	keys 300000
	stop_serve
	rm -f port
	start_serve --snapshot cache.pdsnap --maxmemory 1G
	# The first commands come before most of the keys.
	printf 'SET key:7 mine\r\nDEL key:8 key:9\r\nINFO persistence\r\n' |
	    cli >first
	grep -q '^loading:0' first
	if grep -q '^async_loading:1' first; then
		cli save | grep -q 'still being loaded' || loaded
	fi
	wait_for loaded
	[ "$(cli get key:7)" = mine ]
	[ "$(cli exists key:8 key:9)" = 0 ]
	[ "$(cli dbsize)" = 299998 ]
}

# The first turn of the loop is not over when the signal comes.
@test "a signal while it loads: all is kept, and what clients wrote" {
	start_serve --snapshot cache.pdsnap --maxmemory 512M
	keys 300000
	cli set key:1 old
	stop_serve
	for i in 1 2 3; do
		rm -f port
		start_serve --snapshot cache.pdsnap --maxmemory 512M
		[ "$(cli set key:1 "new $i")" = OK ]
		cli set "more:$i" "$i"
		cli del "key:1$i" >/dev/null
		kill -TERM "$PID"
		wait "$PID"
		run ! grep -q 'stays as it is' serve.log
		PID=
	done
	again --snapshot cache.pdsnap --maxmemory 512M
	[ "$(cli get key:1)" = "new 3" ]
	[ "$(cli mget more:1 more:2 more:3 | tr '\n' ' ')" = "1 2 3 " ]
	[ "$(cli exists key:11 key:12 key:13)" = 0 ]
	[ "$(cli dbsize)" = 300000 ]
}

@test "a file that may be no larger: a warning, and never an empty one" {
	start_serve --snapshot cache.pdsnap
	loaded
	keys 5000
	cli save
	cp cache.pdsnap whole
	cli config set snapshot-max-bytes 100
	cli save | grep -q 'no room for a key in 100 bytes'
	[ "$(info rdb_last_bgsave_status)" = err ]
	grep -q 'warning no snapshot, the one before stays: .*no room' serve.log
	cmp cache.pdsnap whole
	stop_serve
	cmp cache.pdsnap whole
	# Some of them is another matter, and told.
	again --snapshot cache.pdsnap --snapshot-max-bytes 50k
	[ "$(cli save)" = OK ]
	left=$(info snapshot_last_keys_left_out)
	[ "$left" -gt 0 ]
	[ "$left" -lt 5000 ]
	grep -q "warning snapshot .* lacks $left keys, the oldest" serve.log
	[ "$(stat -c %s cache.pdsnap)" -le 51200 ]
	# No keys at all are none that were left out.
	cli flushall
	[ "$(cli save)" = OK ]
	[ "$(info snapshot_last_keys)" = 0 ]
}

@test "less memory than before: the keys used last, within the limit" {
	start_serve --snapshot cache.pdsnap --maxmemory 64M
	keys 50000 "$(printf '%0200d' 0)"
	stop_serve
	again --snapshot cache.pdsnap --maxmemory 8M
	[ "$(cli exists key:50000 key:49990 key:49900)" = 3 ]
	[ "$(cli exists key:1 key:100 key:1000)" = 0 ]
	used=$(cli info memory | tr -d '\r' | sed -n 's/^used_memory://p')
	# Buffers of who asks count at once, and make room a moment later.
	[ "$used" -le $((8388608 + 65536)) ]
	[ "$(cli dbsize)" -gt 5000 ]
}
