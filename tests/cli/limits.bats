# Limits that protect: each wound is done to predis-serve and to redis-server
# (and memcached), and what each did is told.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	HURT=$TOP/tests/lib/hurt.py
	PATIENT=600 # twentieths of a second
}
teardown() {
	stop_serve
	for p in ${PEERS:-}; do
		kill "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
}

cli() { redis-cli -p "$PORT" "$@"; }
peer() { redis-cli -s ./redis.sock "$@"; }
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }
stat() { cli predis.stats | grep -A1 "^$1\$" | tail -1; }
hurt() { timeout 120 python3 "$HURT" "$@"; }
told() { echo "# $*" >&3; }
patiently() {
	local i
	for i in $(seq $PATIENT); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "timed out: $*" >&2
	return 1
}

# start_redis [OPTION...]: on a Unix socket of this folder.
start_redis() {
	command -v redis-server >/dev/null || skip "no redis-server"
	redis-server --port 0 --unixsocket ./redis.sock --save '' \
	    --appendonly no "$@" >redis.log 2>&1 3>&- &
	REDIS=$!
	PEERS="${PEERS:-} $REDIS"
	patiently redis-cli -s ./redis.sock ping
}

# both CASE [ARGUMENT...]: done to both at a time; sets ours, theirs.
both() {
	hurt "$PORT" "$@" >ours 3>&- &
	local job=$!
	theirs=$(hurt ./redis.sock "$@" 3>&-)
	wait $job
	ours=$(cat ours)
	told "$1: predis-serve: $ours; redis-server: $theirs"
}

@test "malformed and oversized requests" {
	start_serve
	start_redis
	local case want ours theirs
	cut -d ' ' -f 1 "$BATS_TEST_DIRNAME/limits.txt" |
	    hurt "$PORT" table ./redis.sock >answers
	# case, what both are to say; "!" before what only ours says.
	while IFS=$'\t' read -r case ours theirs; do
		told "$case: predis-serve: $ours; redis-server: $theirs"
		want=$(sed -n "s/^$case //p" "$BATS_TEST_DIRNAME/limits.txt")
		[ "$ours" = "${want#!}" ]
		[[ $want == !* ]] || [ "$theirs" = "$want" ]
	done <answers
	[ "$(wc -l <answers)" = "$(wc -l <"$BATS_TEST_DIRNAME/limits.txt")" ]
	[ "$(cli ping)" = PONG ]
}

@test "memcached: long keys, and few connections" {
	command -v memcached >/dev/null || skip "no memcached"
	local user=()
	[ "$(id -u)" != 0 ] || user=(-u root)
	# A limit on connections that it makes one on files, and trips over.
	timeout 30 memcached "${user[@]}" -s ./few -c 10 >few.log 2>&1 3>&- || :
	grep -q 'Too many open files' few.log
	memcached "${user[@]}" -s ./mc -c 100 >mc.log 2>&1 3>&- &
	PEERS="${PEERS:-} $!"
	patiently test -S mc
	start_serve --maxclients 10
	theirs=$(hurt ./mc mc-key-251)
	ours=$(hurt "$PORT" key-251)
	told "key of 251 bytes: predis-serve: $ours; memcached: $theirs"
	[[ $theirs == CLIENT_ERROR* ]]
	[ "$ours" = "+OK waits" ]
	timeout 120 python3 "$HURT" "$PORT" hold 40 >held 3>&- &
	PEERS="$PEERS $!"
	patiently grep -q held held
	[ "$(cli ping 2>&1 | head -1)" = "ERR max number of clients reached" ]
	told "10 connections allowed: predis-serve serves them;" \
	    "memcached: $(grep -m 1 -o "Too many.*" few.log)"
}

@test "before AUTH little is taken, and not for long" {
	echo secret >pass
	chmod 600 pass
	start_serve --requirepass-file pass --header-timeout 1s
	start_redis --requirepass secret
	both noauth-words
	[ "$ours" = "$theirs" ]
	[[ $ours == *"unauthenticated multibulk length"* ]]
	both noauth-bulk
	[ "$ours" = "$theirs" ]
	[[ $ours == *"unauthenticated bulk length"* ]]
	both noauth-get
	[ "$ours" = "$theirs" ]
	[[ $ours == *NOAUTH*waits ]]
	# One that says nothing at all: gone here, there for good with redis.
	ours=$(hurt "$PORT" half "")
	theirs=$(hurt ./redis.sock noauth-get 2)
	told "silent before AUTH: predis-serve: $ours; redis-server: $theirs"
	[ "$ours" = closed ]
	[[ $theirs == *waits ]]
}

@test "requests that do not end are ended, others go on" {
	start_serve --header-timeout 1s
	hurt "$PORT" half >half 3>&- &
	a=$!
	hurt "$PORT" half '*1000000\r\n' >count 3>&- &
	b=$!
	hurt "$PORT" drip >drip 3>&- &
	c=$!
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	hurt "$PORT" pipelines 4 >pipelines
	wait $a $b $c
	told "half a request, '*1000000', a byte at a time:" \
	    "$(cat half), $(cat count), $(cat drip)"
	[ "$(cat half count drip | sort -u)" = closed ]
	[ "$(cat pipelines)" = alive ]
	# A silent client is no slow one.
	printf 'PING\r\n' >&9
	read -r -t 30 pong <&9
	[ "$pong" = $'+PONG\r' ]
	exec 9>&-
	[ "$(stat connections_dropped)" = 3 ]
}

@test "idle clients are closed after --timeout, subscribers are not" {
	start_serve --timeout 1s
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'SUBSCRIBE news\r\n' >&9
	[ "$(hurt "$PORT" half "")" = closed ]
	[ "$(cli publish news x)" = 1 ]
	exec 9>&-
	[ "$(cli config set timeout 0)" = OK ]
}

@test "output limits: hard, soft for some seconds, as CONFIG spells them" {
	start_serve
	start_redis
	for where in cli peer; do
		[ "$($where config set client-output-buffer-limit \
		    'pubsub 1mb 0 0')" = OK ]
	done
	both slow-subscriber 1000000
	[ "$ours" = "closed after no time" ]
	[ "$theirs" = "$ours" ]
	for where in cli peer; do
		[ "$($where config set client-output-buffer-limit \
		    'pubsub 1gb 100kb 1')" = OK ]
		[[ $($where config get client-output-buffer-limit | tail -1) == \
		    *"pubsub 1073741824 102400 1" ]]
		[[ $($where config set client-output-buffer-limit \
		    'pubsub 1 2' 2>&1) == *"Wrong number of arguments"* ]]
		[[ $($where config set client-output-buffer-limit \
		    'nobody 1 2 3' 2>&1) == *"Invalid client class"* ]]
		[[ $($where config set client-output-buffer-limit \
		    'normal 1 2 -3' 2>&1) == *"Error in hard, soft"* ]]
	done
	both slow-subscriber 200000
	[ "$ours" = "closed after a while" ]
	[ "$theirs" = "$ours" ]
}

@test "a client that never reads its replies is paused, then closed" {
	start_serve --output-pause 1M --header-timeout 1s
	cli set big "$(printf '%0100000d' 0)" >/dev/null
	python3 - "$PORT" <<-'EOF' >never 3>&- &
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	s.sendall(b"GET big\r\n" * 1000)
	print("sent", flush=True)
	time.sleep(60)
	EOF
	PEERS="${PEERS:-} $!"
	patiently grep -q sent never
	gone() { [ "$(info connected_clients)" = 1 ]; }
	patiently gone
	[ "$(stat connections_dropped)" = 1 ]
}

@test "the buffers of all clients have a limit; the largest go first" {
	start_serve --maxmemory 100M
	start_redis --maxmemory 100mb
	[ "$(cli config get maxmemory-clients | tail -1)" = \
	    $((100 * 1048576 / 16 + 64 * 1048576)) ]
	[ "$(peer config get maxmemory-clients | tail -1)" = 0 ]
	for where in cli peer; do
		[ "$($where config set maxmemory-clients 3%)" = OK ]
		[ "$($where config get maxmemory-clients | tail -1)" = 3% ]
		[[ $($where config set maxmemory-clients 101% 2>&1) == ERR* ]]
		[ "$($where config set maxmemory-clients 3mb)" = OK ]
		[ "$($where config get maxmemory-clients | tail -1)" = 3145728 ]
	done
	both many-queries 20 400000 40000
	[ "$ours" = "fewer live" ]
	[ "$theirs" = "$ours" ]
	[ "$(info evicted_clients)" -ge 1 ]
	[ "$(info mem_clients_normal)" != 0 ]
	# Large values wait until there is room for them.
	[ "$(hurt "$PORT" many-queries 20 400000)" = "all live" ]
	[ "$(cli config set maxmemory-clients 0)" = OK ]
	[ "$(cli config get maxmemory-clients | tail -1)" = 0 ]
}

@test "a request larger than client-query-buffer-limit ends its client" {
	start_serve --set client-query-buffer-limit=2mb --max-value 1M
	start_redis --client-query-buffer-limit 2mb
	both query-limit $((8 << 20))
	[ "$ours" = closed ]
	[ "$(cli ping)" = PONG ]
}

@test "a full cache that may not evict says so" {
	start_serve --maxmemory 4M --set maxmemory-policy=noeviction
	start_redis --maxmemory 4mb
	local where last
	for where in cli peer; do
		for i in $(seq 60); do
			echo "SET k$i $(printf '%0100000d' 0)"
		done | $where >"$where.out"
		last=$(grep -m 1 OOM "$where.out")
		told "$where: $last"
		[[ $last == "OOM command not allowed when used memory > 'maxmemory'."* ]]
		[ "$($where strlen k1)" = 100000 ]
		[ "$($where del k1)" = 1 ]
	done
}

@test "out of descriptors: told once, no busy loop, and it recovers" {
	command -v prlimit >/dev/null || skip "no prlimit"
	start_serve
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'PING\r\n' >&9
	read -r -t 30 pong <&9
	prlimit --pid "$PID" --nofile=1:"$(prlimit --pid "$PID" --nofile \
	    --noheadings --output HARD | tr -d ' ')"
	timeout 120 python3 "$HURT" "$PORT" hold 5 >held 3>&- &
	PEERS="${PEERS:-} $!"
	patiently grep -q 'cannot accept connections: Too many open files' serve.log
	cpu() { awk '{s += $1} END {print int(s / 1000000)}' /proc/"$PID"/task/*/schedstat; }
	from=$(cpu)
	for i in $(seq 10); do # a second in which others are served
		printf 'PING\r\n' >&9
		read -r -t 30 pong <&9
		[ "$pong" = $'+PONG\r' ]
		sleep 0.1
	done
	took=$(($(cpu) - from))
	told "1 s without descriptors: $took ms of CPU," \
	    "$(grep -c 'cannot accept' serve.log) line in the log"
	[ "$took" -lt 500 ]
	[ "$(grep -c 'cannot accept' serve.log)" = 1 ]
	prlimit --pid "$PID" --nofile=1024:
	[ "$(cli ping)" = PONG ]
	grep -q 'accepted again' serve.log
	exec 9>&-
}

@test "the limit on open files is raised, or it is said which one is short" {
	hard=$(ulimit -Hn)
	[ "$hard" = unlimited ] || [ "$hard" -ge 600 ] || skip "few open files"
	(ulimit -Sn 128 && exec predis-serve --port 0 --port-file port \
	    --maxclients 500 >serve.log 2>&1 3>&-) &
	PID=$!
	patiently test -s port
	PORT=$(cat port)
	soft=$(awk '/^Max open files/ {print $4}' "/proc/$PID/limits")
	told "ulimit -Sn 128, --maxclients 500: $soft open files"
	[ "$soft" -ge 564 ]
	[ "$(cli config get maxclients | tail -1)" = 500 ]
	run ! grep -q 'RLIMIT_NOFILE' serve.log
	stop_serve
	rm -f port
	(ulimit -n 128 && exec predis-serve --port 0 --port-file port \
	    --maxclients 500 >serve.log 2>&1 3>&-) &
	PID=$!
	patiently test -s port
	PORT=$(cat port)
	grep -q 'RLIMIT_NOFILE.* 128: at most 64 clients' serve.log
	[ "$(cli config get maxclients | tail -1)" = 64 ]
}

@test "no memory from the kernel: an error, and on it goes" {
	command -v prlimit >/dev/null || skip "no prlimit"
	case $BIN in *asan* | *tsan*) skip "sanitizers reserve addresses" ;; esac
	start_serve --maxmemory 0 --max-value 8M
	cli set first 1 >/dev/null
	vm=$(awk '/^VmSize/ {print $2 * 1024}' "/proc/$PID/status")
	prlimit --pid "$PID" --as=$((vm + (64 << 20)))
	head -c 7000000 /dev/zero | tr '\0' x >value
	for i in $(seq 30); do cli -x set "k$i" <value; done >out 2>&1
	told "64 MiB of addresses left, 210 MB written:" \
	    "$(sort out | uniq -c | tr -s ' \n' ' ')"
	grep -q '^OK' out
	grep -q '^OOM' out
	[ "$(cli get first)" = 1 ]
	[ "$(cli strlen k1)" = 7000000 ]
	for i in $(seq 30); do echo "DEL k$i"; done | cli >/dev/null
	[ "$(cli set last 2)" = OK ]
	kill -0 "$PID"
}

@test "no room on the disk: files stay as they were, and on it goes" {
	command -v prlimit >/dev/null || skip "no prlimit"
	echo 'user default on nopass ~* &* +@all' >users
	echo 'maxmemory 10M' >conf
	cp users users.was
	cp conf conf.was
	start_serve --aclfile users --config conf --log-level debug \
	    --snapshot ./snapshot
	cli set a b >/dev/null
	prlimit --pid "$PID" --fsize=0:
	cli config set slowlog-max-len 7 >/dev/null
	[[ $(cli config rewrite) == *"File too large"* ]]
	[[ $(cli acl save) == ERR* ]]
	cli bgsave >/dev/null || :
	cmp users users.was
	cmp conf conf.was
	[ "$(cli get a)" = b ]
	# Nothing half-written is left.
	[ "$(find . -name '.*.tmp.*' | wc -l)" = 0 ]
	prlimit --pid "$PID" --fsize=unlimited:
	[ "$(cli config rewrite)" = OK ]
	[ "$(cli acl save)" = OK ]
	grep -qx 'set slowlog-max-len=7' conf
}

@test "signals: HUP and PIPE are nothing, TERM ends it while it is busy" {
	start_serve --log-level debug
	redis-benchmark -p "$PORT" -t get,set -n 100000000 -P 16 -c 20 -q \
	    >/dev/null 2>&1 3>&- &
	bench=$!
	PEERS="${PEERS:-} $bench"
	busy() { [ "$(info total_commands_processed)" -gt 1000 ]; }
	patiently busy
	kill -HUP "$PID"
	kill -PIPE "$PID"
	kill -XFSZ "$PID"
	[ "$(cli ping)" = PONG ]
	kill -TERM "$PID"
	for i in $(seq $PATIENT); do
		kill -0 "$PID" 2>/dev/null || break
		sleep 0.05
	done
	status=0
	wait "$PID" || status=$?
	[ "$status" = 0 ]
	PID=
	[ ! -e port ]
	kill "$bench" 2>/dev/null || :
}

@test "after kill -9 it starts empty and serves" {
	start_serve --unixsocket ./s
	[ "$(cli set a b)" = OK ]
	kill -9 "$PID"
	wait "$PID" || :
	rm -f port
	start_serve --unixsocket ./s --model /nowhere/model.pdm
	[ "$(cli dbsize)" = 0 ]
	[ "$(redis-cli -s ./s ping)" = PONG ]
	# A model that is not there is told, no more.
	grep -q 'serving without a model' serve.log
	[ "$(stat model_load_failures)" = 1 ]
}

@test "as it comes: this machine only, a memory limit, evicting, protected" {
	start_serve
	start_redis
	get() { "$1" config get "$2" | tail -1; }
	[ "$(get cli maxmemory)" -gt 0 ]
	[ "$(get peer maxmemory)" = 0 ]
	[ "$(get cli maxmemory-policy)" = allkeys-selector ]
	[ "$(get peer maxmemory-policy)" = noeviction ]
	[ "$(get cli bind)" = 127.0.0.1 ]
	[ "$(get cli protected-mode)" = yes ]
	[ "$(get cli tcp-keepalive)" = "$(get peer tcp-keepalive)" ]
	[ "$(get peer client-output-buffer-limit)" = \
	    "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60" ]
	[ "$(get cli client-output-buffer-limit)" = \
	    "normal 1073741824 0 0 slave 0 0 0 pubsub 33554432 8388608 60" ]
	told "maxmemory: predis-serve $(get cli maxmemory), redis-server 0"
}

@test "keys and values stay out of the log, whatever happens" {
	start_serve --log-level debug --maxmemory 4M --max-value 1M \
	    --header-timeout 1s --set slowlog-log-slower-than=0 \
	    --set latency-monitor-threshold=1
	cli set SECRETKEY SECRETVALUE >/dev/null
	cli get SECRETKEY >/dev/null
	cli incr SECRETKEY >/dev/null
	cli eval "return SECRETKEY" 0 >/dev/null
	cli SECRETKEY >/dev/null
	printf 'GET "SECRETKEY\r\n' | timeout 5 nc -N 127.0.0.1 "$PORT" >/dev/null || :
	printf '*2\r\n$3\r\nSET\r\nSECRETKEY' | timeout 5 nc -N 127.0.0.1 "$PORT" >/dev/null || :
	printf 'POST /SECRETKEY HTTP/1.1\r\n\r\n' | timeout 5 nc -N 127.0.0.1 "$PORT" >/dev/null || :
	[ "$(hurt "$PORT" half '*3\r\n$3\r\nSET\r\n$9\r\nSECRETKEY\r\n$20\r\nSECRETV')" = closed ]
	head -c 3000000 /dev/zero | tr '\0' x | cli -x set SECRETKEY >/dev/null
	for i in $(seq 300); do echo "SET SECRETKEY$i $(printf '%020000d' 0)"; done |
	    cli >/dev/null
	[ "$(info evicted_keys)" -gt 0 ]
	cli debug sleep 0 >/dev/null || :
	cli flushall >/dev/null
	stop_serve
	run ! grep -q SECRET serve.log
}

@test "tcp-keepalive: the kernel asks whether a silent client is there" {
	start_serve
	# The timer of our side of the connection, 02: keepalive.
	timer() {
		awk -v port="$(printf ':%04X' "$PORT")" '
		    index($2, port) && $4 == "01" { split($6, t, ":"); print t[1] }
		' /proc/net/tcp
	}
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	on() { [ "$(timer)" = 02 ]; }
	patiently on
	exec 9>&-
	none() { [ -z "$(timer)" ]; }
	patiently none
	[ "$(cli config set tcp-keepalive 0)" = OK ]
	patiently none
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	off() { [ "$(timer)" = 00 ]; }
	patiently off
	exec 9>&-
}

@test "a storm of connections: those that are there go on, all are served" {
	n=400
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 1024 ] ||
	    skip "few open files"
	start_serve --maxclients 500 --unixsocket ./s
	[ "$(hurt "$PORT" storm $n)" = "old True, new $n" ]
	timeout 120 python3 "$HURT" "$PORT" hold 600 >held 3>&- &
	PEERS="${PEERS:-} $!"
	patiently grep -q held held
	full() { [[ $(cli ping 2>&1) == *"max number of clients reached"* ]]; }
	patiently full
	# An operator comes in by the Unix socket.
	[ "$(redis-cli -s ./s ping)" = PONG ]
	told "600 connections of 500 allowed: refused with an error;" \
	    "by the Unix socket: PONG"
}

@test "channels of one client: a hundred thousand are no matter" {
	start_serve --maxmemory 100M
	[ "$(hurt "$PORT" topics 100000)" = "last count :0" ]
}

@test "users count as memory, and what is refused is kept in part only" {
	start_serve --maxmemory 100M
	before=$(info used_memory_acl)
	for i in $(seq 200); do
		echo "ACL SETUSER acme$i on >secret ~acme:$i:* +get"
	done | cli >/dev/null
	[ "$(info used_memory_acl)" -gt $((before + 200 * 100)) ]
	cli acl setuser nobody on nopass -@all >/dev/null
	full=$(info used_memory_acl)
	python3 - "$PORT" <<-'EOF'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.settimeout(60)
	f = s.makefile("rb")
	s.sendall(b"AUTH nobody x\r\n")
	f.readline()
	for i in range(64):
	    name = b"%d" % i + b"x" * 1000000
	    s.sendall(b"*3\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n$1\r\nx\r\n" % (len(name), name))
	    f.readline()
	EOF
	grown=$(($(info used_memory_acl) - full))
	told "64 refusals with names of 1 MB: $grown bytes"
	[ "$grown" -gt 0 ]
	[ "$grown" -lt $((64 * 4096)) ]
	for i in $(seq 200); do echo "ACL DELUSER acme$i"; done | cli >/dev/null
	cli acl deluser nobody >/dev/null
	cli acl log reset >/dev/null
	[ "$(info used_memory_acl)" = "$before" ]
}
