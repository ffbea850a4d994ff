# predis-serve: starting and ending, limits, models, policies, the tap.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() {
	stop_serve
	[ -z "${TAPPID:-}" ] || kill "$TAPPID" 2>/dev/null || true
}

cli() { redis-cli -p "$PORT" "$@"; }
# info FIELD: a number of INFO.
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }
# fill COUNT BYTES [PREFIX]: that many keys by mass insertion.
fill() {
	awk -v n="$1" -v b="$2" -v p="${3:-key:}" 'BEGIN {
		v = sprintf("%0" b "d", 0)
		for (i = 0; i < n; i++)
			printf "SET %s%d %s\r\n", p, i, v
	}' | cli --pipe | grep -q "errors: 0, replies: $1"
}

@test "port 0: one line on stdout and the port file tell the port" {
	start_serve
	grep -qx "ready port=$PORT pid=$PID" serve.log
	[ "$(cli ping)" = PONG ]
}

@test "a port file that cannot be written: not ready, and no server" {
	run --separate-stderr timeout 30 predis-serve --port 0 \
	    --port-file no/such/folder
	[ "$status" -eq 2 ]
	[ -z "$output" ]
	[[ $stderr == *"cannot create 'no/such/folder'"* ]]
}

@test "a port file may be a pipe, which stays" {
	mkfifo fifo
	timeout 30 predis-serve --port 0 --port-file fifo >log 2>&1 3>&- &
	PID=$!
	PORT=$(timeout 30 cat fifo)
	[ "$(cli ping)" = PONG ]
	kill "$PID"
	wait "$PID"
	PID=
	[ -p fifo ]
}

@test "the first line of the log says how it starts, without secrets" {
	(umask 077 && echo sesame >pw)
	start_serve --maxmemory 8M --policy s3fifo --tap "$PWD/tap" \
	    --tap-rate 1% --requirepass-file pw
	head -n 1 serve.log | grep -F "predis-serve $(cat "$TOP/VERSION") started"
	head -n 1 serve.log | grep -F "port $PORT on 127.0.0.1, 1 thread, 1 shard, memory limit 8388608 bytes, policy s3fifo, no model, tap '$PWD/tap' of 0.01 by key"
	run ! grep -q sesame serve.log
	stop_serve
	start_serve --maxmemory 0 --maxobjects 10
	grep -F "no memory limit, at most 10 keys, policy selector, no model, no tap" serve.log
	stop_serve
	start_serve --log-level warning
	run ! grep -q started serve.log
}

@test "a file or a folder in the place of a socket is named as what it is" {
	echo text >file
	mkdir folder
	for o in --unixsocket --tap; do
		run timeout 30 predis-serve --port 0 $o ./file
		[ "$status" -eq 2 ]
		[[ $output == *"'./file': it is a file, not a socket"* ]]
		run timeout 30 predis-serve --port 0 $o ./folder
		[ "$status" -eq 2 ]
		[[ $output == *"'./folder': it is a folder, not a socket"* ]]
	done
	[ "$(cat file)" = text ]
}

@test "no clients at all is no number of clients" {
	run timeout 30 predis-serve --port 0 --maxclients 0
	[ "$status" -eq 2 ]
	[[ $output == *"--maxclients: 1 or more"* ]]
	start_serve
	[[ $(cli config set maxclients 0) == *"between 1 and"* ]]
	[ "$(cli ping)" = PONG ]
}

@test "SIGTERM, SIGINT and SHUTDOWN end it with status 0" {
	for how in TERM INT SHUTDOWN; do
		start_serve
		cli set a 1
		case $how in
		SHUTDOWN) cli shutdown nosave || true ;;
		*) kill -s $how "$PID" ;;
		esac
		wait "$PID"
		[ ! -e port ]
		PID=
	done
}

@test "SIGHUP is ignored" {
	start_serve
	kill -HUP "$PID"
	[ "$(cli ping)" = PONG ]
}

@test "kill -9 leaves nothing in the way of the next start" {
	start_serve --unixsocket "$PWD/s" --tap "$PWD/tap"
	cli set a 1
	kill -9 "$PID"
	wait "$PID" || true
	[ -S s ] && [ -S tap ]
	rm port # for start_serve, which waits for it
	start_serve --unixsocket "$PWD/s" --tap "$PWD/tap"
	[ "$(redis-cli -s s ping)" = PONG ]
	[ "$(cli dbsize)" = 0 ]
}

@test "a port or a socket in use is an error with the reason" {
	start_serve --unixsocket "$PWD/s"
	run --separate-stderr predis-serve --port "$PORT"
	[ "$status" -eq 2 ] && [ -z "$output" ]
	[[ $stderr == *"Address already in use"* ]]
	run predis-serve --port 0 --unixsocket "$PWD/s"
	[ "$status" -eq 2 ]
	[[ $output == *"in use by another process"* ]]
	[ "$(redis-cli -s s ping)" = PONG ]
}

@test "--help tells how protected mode is turned off" {
	predis-serve --help | grep -e --protected-mode | grep -q -e --no-protected-mode
}

@test "wrong options: exit 2 and the reason" {
	for o in '--policy nosuch' '--port 70000' '--maxmemory 1k' \
	    '--max-value 1T' '--tap-by none' '--tap-rate 2' \
	    '--log-level loud' '--tls-cert-file x' '--requirepass-file /none'; do
		run timeout 30 predis-serve --port 0 $o
		[ "$status" -eq 2 ]
		[ -n "$output" ]
	done
	run timeout 30 predis-serve --port 0 --policy nosuch
	[[ $output == *"learned"* ]] && [[ $output == *"s3fifo"* ]]
}

@test "the first PONG comes soon after the start" {
	mkfifo ready
	# On a machine that is busy with something else not each time.
	for _ in $(seq 20); do
		from=$(date +%s%N)
		predis-serve --port 0 >ready 2>serve.log 3>&- &
		PID=$!
		PORT=$(sed -n 's/^ready port=\([0-9]*\).*/\1/p;q' <ready)
		[ "$(cli ping)" = PONG ]
		ms=$((($(date +%s%N) - from) / 1000000))
		echo "start to PONG: $ms ms"
		stop_serve
		[ "$ms" -ge 500 ] || break
	done
	[ "$ms" -lt 500 ]
}

@test "a password: before it only AUTH, HELLO, QUIT and RESET" {
	echo secret >pass
	chmod 600 pass
	start_serve --requirepass-file pass
	[[ $(cli get a) == NOAUTH* ]]
	[[ $(cli auth wrong) == WRONGPASS* ]]
	[[ $(cli hello 3) == NOAUTH* ]]
	[ "$(redis-cli -p "$PORT" --no-auth-warning -a secret ping)" = PONG ]
	[ "$(redis-cli -p "$PORT" --no-auth-warning --user default \
	    -a secret -3 ping)" = PONG ]
	[[ $(printf '*11\r\n' | nc -q 1 127.0.0.1 "$PORT") == \
	    *"unauthenticated multibulk length"* ]]
	chmod 644 pass
	run predis-serve --port 0 --requirepass-file pass
	[ "$status" -eq 2 ]
	[[ $output == *"can be read by others"* ]]
}

@test "protected mode refuses other machines" {
	ip=$(hostname -I 2>/dev/null | awk '{print $1}')
	[ -n "$ip" ] || skip "this machine has no address but loopback"
	start_serve --bind "127.0.0.1 $ip"
	[ "$(cli ping)" = PONG ]
	[[ $(redis-cli -h "$ip" -p "$PORT" ping 2>&1) == *DENIED* ]]
	stop_serve
	rm -f port
	start_serve --bind "127.0.0.1 $ip" --no-protected-mode
	[ "$(redis-cli -h "$ip" -p "$PORT" ping)" = PONG ]
}

@test "maxclients" {
	start_serve --maxclients 2
	exec 8<>"/dev/tcp/127.0.0.1/$PORT" 9<>"/dev/tcp/127.0.0.1/$PORT"
	[[ $(cli ping 2>&1) == *"max number of"* ]]
	exec 8>&- 9>&-
	wait_for sh -c "redis-cli -p $PORT ping | grep -q PONG"
}

@test "idle clients are closed, others are not" {
	start_serve --timeout 1s
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	[ "$(timeout 30 cat <&9 | wc -c)" -eq 0 ]
	exec 9>&-
	[ "$(cli ping)" = PONG ]
}

@test "memory stays within the limit, all counted, for each policy" {
	for p in lru s3fifo learned; do
		start_serve --maxmemory 8M --policy $p
		fill 60000 200
		used=$(info used_memory)
		[ "$used" -le $((8 << 20)) ]
		[ "$used" -gt $((6 << 20)) ]
		[ "$(info evicted_keys)" -gt 1000 ]
		[ "$(info used_memory_rss)" -lt $((24 << 20)) ]
		stop_serve
		rm -f port
	done
}

@test "a cache too small for its tiny keys stays full and never refuses" {
	for p in lru s3fifo learned; do
		start_serve --maxmemory 4M --policy $p
		fill 120000 3 # fails on any error reply
		[ "$(cli dbsize)" -gt 25000 ]
		[ "$(info used_memory)" -le $((4 << 20)) ]
		[ "$(cli set a 1)" = OK ]
		stop_serve
		rm -f port
	done
}

@test "a lower maxmemory leaves a full cache, FLUSHALL an empty one" {
	for p in lru s3fifo learned; do
		start_serve --maxmemory 24M --policy $p
		fill 200000 3
		[ "$(cli config set maxmemory 4mb)" = OK ]
		[ "$(cli dbsize)" -gt 20000 ]
		[ "$(info used_memory)" -le $((4 << 20)) ]
		fill 30000 3
		[ "$(cli dbsize)" -gt 20000 ]
		cli flushall
		[ "$(info used_memory)" -le $((1 << 20)) ]
		[ "$(info used_memory_slots)" -le 4096 ]
		[ "$(cli set a 1)" = OK ]
		stop_serve
		rm -f port
	done
}

@test "another objective leaves the memory within its limit, at once" {
	start_serve --maxmemory 8M
	fill 60000 200
	printf 'config set objective cost\ninfo memory\n' | cli >out
	grep -q '^OK' out
	used=$(tr -d '\r' <out | sed -n 's/^used_memory://p')
	[ "$used" -le $((8 << 20)) ]
	[ "$used" -gt $((6 << 20)) ]
}

@test "keys that are deleted give their memory back, large values too" {
	case $BIN in *asan* | *tsan*) skip "sanitizers keep memory" ;; esac
	start_serve --maxmemory 64M
	before=$(info used_memory_rss)
	fill 3000 100
	fill 6000 8000 large:
	full=$(info used_memory_rss)
	[ "$full" -gt $((before + (40 << 20))) ]
	for k in key:2999 large:5999; do
		awk -v k="${k%:*}" -v n="${k#*:}" 'BEGIN {
			for (i = 0; i <= n; i++) print "DEL " k ":" i
		}' | cli >/dev/null
	done
	[ "$(cli dbsize)" = 0 ]
	small() { [ "$(info used_memory_rss)" -lt $((full / 2)) ]; }
	wait_for small
}

@test "MEMORY STATS: what keys cost is without the server and its clients" {
	start_serve --maxmemory 64M
	stat() { cli --json -3 memory stats | jq ".\"$1\""; }
	[ "$(stat startup.allocated)" -gt 10000 ]
	[ "$(stat startup.allocated)" = "$(info used_memory_startup)" ]
	[ "$(stat clients.normal)" -gt 10000 ]
	[ "$(stat keys.bytes-per-key)" = 0 ]
	fill 50000 200
	[ "$(stat keys.bytes-per-key)" -gt 210 ]
	[ "$(stat keys.bytes-per-key)" -lt 400 ]
}

@test "after a burst of tiny keys the memory goes to larger values" {
	for p in lru s3fifo learned; do
		start_serve --maxmemory 16M --policy $p
		fill 200000 3
		fill 30000 1000 large:
		[ "$(info used_memory)" -le $((16 << 20)) ]
		[ "$(info used_memory_entries)" -gt $((13 << 20)) ]
		[ "$(cli dbsize)" -gt 12500 ]
		stop_serve
		rm -f port
	done
}

@test "a value of more than a quarter of the memory is refused, all stay" {
	start_serve --maxmemory 20M --max-value 64M
	fill 50000 10
	[ "$(cli dbsize)" = 50000 ]
	[[ $(head -c 31457280 /dev/zero | cli -x set big) == OOM* ]]
	[[ $(head -c 6000000 /dev/zero | cli -x set big) == OOM* ]]
	[ "$(cli dbsize)" = 50000 ]
	[ "$(info evicted_keys)" = 0 ]
	[ "$(info predis_refused_large)" = 2 ]
}

@test "a value above --max-value is dropped as it comes, the client stays" {
	start_serve --max-value 1M
	{
		printf '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$30000000\r\n'
		head -c 30000000 /dev/zero
		printf '\r\n*1\r\n$4\r\nPING\r\n'
	} | nc -q 1 127.0.0.1 "$PORT" >out
	grep -q 'string exceeds maximum allowed size' out
	grep -q '+PONG' out
	[ "$(info used_memory_rss)" -lt $((24 << 20)) ]
}

@test "unread replies pause a client and cost no memory" {
	start_serve --maxmemory 100M
	head -c 1048576 /dev/zero | cli -x set v
	before=$(info used_memory_rss)
	python3 - "$PORT" 3>&- <<'P' &
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET v\r\n" * 2000)
time.sleep(300)
P
	TAPPID=$!
	unread() { cli client list | grep -q 'omem=[0-9]\{7,\}'; }
	wait_for unread
	[ "$(cli ping)" = PONG ]
	[ $(($(info used_memory_rss) - before)) -lt $((16 << 20)) ]
}

@test "no model, a missing, a torn and a wrong one never stop it" {
	start_serve
	[ "$(cli predis.model info | sed -n 2p)" = 0 ]
	[[ $(cli predis.model load /no/such.pdm) == ERR* ]]
	head -c 1000 /dev/urandom >bad.pdm
	[[ $(cli predis.model load "$PWD/bad.pdm") == ERR* ]]
	[ "$(info predis_model_load_failures)" = 2 ]
	[ "$(cli set a 1)" = OK ]
	stop_serve
	for m in /no/such.pdm "$PWD/bad.pdm"; do
		rm -f port
		start_serve --model "$m"
		[ "$(cli set a 1)" = OK ]
		grep -q 'serving without a model' serve.log
		[ "$(grep -c 'without a model' serve.log)" = 1 ]
		stop_serve
	done
}

@test "policies are switched while it serves, and residents stay" {
	start_serve --maxobjects 1000
	fill 1000 10
	for p in lru s3fifo learned wtinylfu lirs qdlp lru; do
		[ "$(cli predis.policy $p)" = OK ]
		[ "$(cli dbsize)" = 1000 ]
		[ "$(cli config get policy | sed -n 2p)" = $p ]
		fill 1500 10
		[ "$(cli dbsize)" = 1000 ]
	done
	[[ $(cli predis.policy nosuch) == ERR* ]]
	[ "$(cli config set maxmemory-policy allkeys-s3fifo)" = OK ]
	[ "$(cli config get maxmemory-policy | sed -n 2p)" = allkeys-s3fifo ]
}

@test "a served trace has as many hits as a simulated one" {
	t=$TOP/share/traces/web07.csv.gz
	[ -e "$t" ] || skip "no trace"
	for p in lru s3fifo; do
		start_serve --policy $p --maxobjects 2000
		predis-replay --server 127.0.0.1:"$PORT" --to 30% --json "$t" >a
		predis-replay --policy $p --size 2000 --to 30% --json "$t" >b
		[ "$(jq .misses a)" = "$(jq .misses b)" ]
		[ "$(info predis_misses)" = "$(jq .misses b)" ]
		stop_serve
		rm -f port
	done
}

@test "the tap: all accesses at rate 1, none raw, a fill is marked" {
	start_serve --tap "$PWD/tap" --tap-rate 1
	predis-sample tap "$PWD/tap" -o events.pds 3>&- 2>tap.log &
	TAPPID=$!
	wait_for tapped 1
	cli get secretkey
	cli set secretkey secretvalue ex 100
	cli get secretkey
	cli del secretkey
	stop_serve # it hands over what it has
	wait "$TAPPID"
	TAPPID=
	predis-sample verify events.pds
	predis-sample print --json events.pds >events
	[ "$(jq -r .op events | tr '\n' ' ')" = "get set get del " ]
	[ "$(jq -r .key events | sort -u | wc -l)" = 1 ]
	[ "$(jq -r .tick events | tr '\n' ' ')" = "1 1 2 2 " ]
	run ! grep -q secret events
	run ! grep -aq secret events.pds
}

@test "a tap client that does not read loses events and slows nobody" {
	start_serve --tap "$PWD/tap" --tap-rate 1 --maxmemory 64M
	python3 - "$PWD/tap" <<'P' 3>&- &
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
time.sleep(300)
P
	TAPPID=$!
	wait_for tapped 1
	redis-benchmark -p "$PORT" -P 64 -n 1500000 -r 1000000 -t set -q \
	    >/dev/null
	[ "$(cli ping)" = PONG ]
	[ "$(info predis_tap_lost)" -gt 0 ]
	[ "$(info used_memory)" -le $((64 << 20)) ]
	kill "$TAPPID"
	TAPPID=
}

@test "many tap readers that do not read share one budget, all counted" {
	start_serve --tap "$PWD/tap" --tap-rate 1 --maxmemory 64M
	python3 - "$PWD/tap" <<'P' 3>&- &
import socket, sys, time
all = [socket.socket(socket.AF_UNIX) for i in range(40)]
for s in all:
    s.connect(sys.argv[1])
time.sleep(300)
P
	TAPPID=$!
	wait_for tapped 40
	redis-benchmark -p "$PORT" -P 64 -n 600000 -r 1000000 -d 100 -t set \
	    -q >/dev/null
	[ "$(info predis_tap_lost)" -gt 0 ]
	[ "$(info evicted_keys)" -gt 0 ]
	[ "$(info used_memory)" -le $((64 << 20)) ]
	[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$PID/status")" -le \
	    $((128 << 10)) ]
	kill "$TAPPID"
	TAPPID=
}

@test "the tap is for this machine, but with --no-protected-mode" {
	(umask 077 && echo sesame >pw)
	for a in 0.0.0.0:0 '[::]:0'; do
		run timeout 30 predis-serve --port 0 --requirepass-file pw \
		    --tap "$a"
		[ "$status" -eq 2 ]
		[[ $output == *"'$a' is open to other machines"* ]]
	done
	start_serve --tap 127.0.0.1:0
	stop_serve
	start_serve --tap 0.0.0.0:0 --no-protected-mode
}

@test "the same key file gives the same identities, another does not" {
	for k in k1 k1 k2; do
		start_serve --tap "$PWD/tap" --tap-rate 1 --key-file "$PWD/$k"
		predis-sample tap "$PWD/tap" -o e.pds 3>&- 2>tap.log &
		TAPPID=$!
		wait_for tapped 1
		cli get somekey
		stop_serve
		wait "$TAPPID"
		TAPPID=
		predis-sample print --json e.pds | jq -r .key >>ids
		rm -f port e.pds
	done
	[ "$(sed -n 1p ids)" = "$(sed -n 2p ids)" ]
	[ "$(sed -n 1p ids)" != "$(sed -n 3p ids)" ]
	[ "$(stat -c %a k1)" = 600 ]
}

@test "TLS: with a certificate, and with client certificates" {
	run predis-serve --port 0 --tls-port 0
	[[ $output != *"no TLS"* ]] || skip "this build has no TLS"
	command -v openssl >/dev/null || skip "no openssl"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost \
	    2>/dev/null
	start_serve --tls-port 0 --tls-cert-file cert.pem --tls-key-file key.pem
	tls=$(sed -n 's/.*tls_port=\([0-9]*\).*/\1/p' serve.log)
	t() { redis-cli --tls --cacert cert.pem -p "$tls" -h 127.0.0.1 "$@"; }
	[ "$(t ping)" = PONG ]
	head -c 3000000 /dev/zero | t -x set big
	[ "$(t strlen big)" = 3000000 ]
	[ "$(t get big | wc -c)" = 3000001 ]
	stop_serve
	rm -f port
	start_serve --tls-port 0 --tls-cert-file cert.pem \
	    --tls-key-file key.pem --tls-ca-cert-file cert.pem
	tls=$(sed -n 's/.*tls_port=\([0-9]*\).*/\1/p' serve.log)
	run t ping
	[ "$output" != PONG ]
	[ "$(t --cert cert.pem --key key.pem ping)" = PONG ]
}

@test "noeviction refuses writes when the memory is full" {
	start_serve --maxmemory 4M --policy lru
	cli config set maxmemory-policy noeviction
	run fill 50000 200
	# What the pipe's buffers took is free again: fill that too, by one
	# client, whose own buffers count the same all the time.
	v=$(printf %05000d 0)
	for i in $(seq 400); do
		echo "set new:$i $v"
	done | cli >replies
	[[ $(grep . replies | tail -n 1) == OOM* ]]
	[ "$(cli get key:0 | wc -c)" = 201 ]
	[ "$(info evicted_keys)" = 0 ]
	cli config set maxmemory-policy allkeys-lru
	[ "$(cli set new x)" = OK ]
}

@test "expired keys go though nobody asks for them" {
	start_serve
	awk 'BEGIN {for (i = 0; i < 20000; i++)
		printf "SET key:%d v PX 50\r\n", i}' | cli --pipe >/dev/null
	wait_for sh -c "[ \$(redis-cli -p $PORT dbsize) = 0 ]"
	[ "$(info expired_keys)" = 20000 ]
}

@test "a client's request must go on, or it is closed on its limit" {
	start_serve
	printf '*2\r\n$4\r\nECHO\r\n$2000000\r\nabc' |
	    nc -q 1 127.0.0.1 "$PORT" >out
	[ ! -s out ]
	[ "$(cli ping)" = PONG ]
	[ "$(info connected_clients)" = 1 ]
}

@test "a good model is loaded under load; with --trusted-key only a signed one" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	predis-retrain train -q -f -c 1000 -o m.pdm \
	    "$TOP/share/traces/web07.csv.gz" >/dev/null || [ $? -eq 1 ]
	start_serve --maxobjects 1000
	predis-replay --server "127.0.0.1:$PORT" --to 30% --value-size 10 \
	    "$TOP/share/traces/web07.csv.gz" >played &
	player=$!
	[ "$(cli predis.model load "$PWD/m.pdm")" = OK ]
	wait "$player"
	[ "$(info predis_model_loads)" = 1 ]
	grep -q 'loaded, digest .*, not signed' serve.log
	stop_serve
	minisign -G -W -p k.pub -s k.sec >/dev/null
	rm -f port
	start_serve --maxobjects 1000 --trusted-key k.pub
	[[ $(cli predis.model load "$PWD/m.pdm") == ERR*minisig* ]]
	minisign -S -W -s k.sec -m m.pdm >/dev/null
	[ "$(cli predis.model load "$PWD/m.pdm")" = OK ]
	minisign -G -W -f -p k2.pub -s k2.sec >/dev/null
	minisign -S -W -s k2.sec -m m.pdm >/dev/null
	[[ $(cli predis.model load "$PWD/m.pdm") == ERR* ]]
	[ "$(info predis_model_loads)" = 1 ]
	stop_serve
}

@test "a model that replaces another has to show itself beside it" {
	command -v predis-retrain >/dev/null || skip 'built without MLOPS_ENABLED'
	trace=$TOP/share/traces/web07.csv.gz
	predis-retrain train -q -f -c 1000 -o good.pdm "$trace" >/dev/null ||
	    [ $? -eq 1 ]
	"$BIN/tests/lib/invert_model" good.pdm bad.pdm
	start_serve --maxobjects 1000 --model "$PWD/good.pdm"
	play() {
		predis-replay --server "127.0.0.1:$PORT" --from "$1" --to "$2" \
		    --value-size 10 "$trace" >played
	}
	play 0% 30%
	[ "$(cli predis.stats | paste - - |
	    sed -n 's/^selector_ruling\t//p')" = learned ]
	good=$(cli info predis | tr -d '\r' | sed -n 's/^model_digest://p')
	[ "$(cli predis.model load "$PWD/bad.pdm")" = OK ]
	info_is() { cli info predis | tr -d '\r' | grep -qx "selector_$1:$2"; }
	info_is contest open
	info_is ruling champion
	info_is champion_digest "$good"
	play 30% 60%
	cli info predis | grep '^selector'
	info_is contest worse
	info_is ruling champion
	# A third one, and the policy changes meanwhile.
	[ "$(cli predis.model load "$PWD/good.pdm")" = OK ]
	info_is contest open
	[ "$(cli predis.policy qdlp)" = OK ]
	play 60% 62%
	[ "$(cli predis.policy selector)" = OK ]
	info_is contest none
	[ "$(cli predis.model load "$PWD/bad.pdm")" = OK ]
	info_is contest open
	[ "$(cli predis.model unload)" = OK ]
	info_is contest none
	info_is champion_digest ''
	play 62% 64%
	[ "$(cli predis.model load "$PWD/good.pdm")" = OK ]
	[ "$(cli predis.model load "$PWD/bad.pdm")" = OK ]
	stop_serve
}

@test "a server that ends hands the tap what it still has, and the end marker" {
	start_serve --maxobjects 500 --tap "$PWD/tap" --tap-rate 1
	predis-sample tap "$PWD/tap" -o events.pds 3>&- 2>tap.log &
	TAPPID=$!
	wait_for tapped 1
	predis-replay -j --server "127.0.0.1:$PORT" --to 10% --value-size 10 \
	    "$TOP/share/traces/web07.csv.gz" >played
	stop_serve
	wait "$TAPPID"
	TAPPID=
	[ ! -s tap.log ]
	predis-sample verify events.pds
	[ "$(predis-sample print --json events.pds | jq -c 'select(.op == "get")' |
	    wc -l)" = "$(jq .requests played)" ]
}

@test "the tap's header tells the room of a memory limit, and follows the rate" {
	start_serve --maxmemory 4M --tap "$PWD/tap" --tap-rate 1
	predis-sample tap "$PWD/tap" -o events.pds 3>&- &
	TAPPID=$!
	wait_for tapped 1
	fill 20000 100
	keys=$(cli dbsize)
	said() {
		predis-sample print -q --headers events.pds | sed -n 's/^# //p' |
		    jq -s 'map(.capacity_objects // 0) | max'
	}
	near() {
		[ "$(said)" -gt $((keys * 3 / 4)) ] &&
		    [ "$(said)" -lt $((keys * 4 / 3)) ]
	}
	wait_for near
	cli predis.tap rate 0.5
	cli get 1
	stop_serve
	wait "$TAPPID"
	TAPPID=
	predis-sample print --headers events.pds | sed -n 's/^# //p' >headers
	near
	[ "$(tail -n 1 headers | jq .sampling.rate)" = 0.5 ]
}

@test "keys that do not exist are no hits of LRU in PREDIS.STATS" {
	start_serve --maxobjects 1000
	awk 'BEGIN { for (i = 0; i < 5000; i++) printf "GET none:%d\r\n", i % 500 }' |
	    cli --pipe >/dev/null
	cli predis.stats | paste - - >stats
	[ "$(sed -n 's/^ghost_hits\t//p' stats)" -eq 0 ]
	[ "$(sed -n 's/^misses\t//p' stats)" -eq 5000 ]
}

@test "the selector says who rules; policies and limits change under it" {
	start_serve --maxobjects 300
	# A loop a little larger than the cache: LRU would miss all.
	awk 'BEGIN { for (i = 0; i < 4000; i++) printf \
	    "GET k:%d\r\nSET k:%d v\r\n", i % 320, i % 320 }' |
	    cli --pipe >/dev/null
	cli predis.stats | paste - - >stats
	ruling=$(sed -n 's/^selector_ruling\t//p' stats)
	echo "ruling $ruling"
	[ "$ruling" != lru ]
	[ "$(sed -n 's/^selector_switches\t//p' stats)" -ge 1 ]
	[ "$(sed -n 's/^selector_failed\t//p' stats)" -eq 0 ]
	grep -q '^selector_lru_miss_ratio	' stats
	cli info predis | grep -q "^selector_ruling:$ruling"
	[ "$(cli dbsize)" -eq 300 ]
	cli predis.policy qdlp
	[ "$(cli predis.stats | grep -c '^selector_')" -eq 0 ]
	cli config set policy selector
	[ "$(cli dbsize)" -eq 300 ]
	cli config set maxmemory 64mb
	cli flushall
	cli predis.stats | paste - - | grep -q '^selector_ruling	lru$'
}

@test "DEBUG: off unless asked for, and what it does" {
	start_serve
	[[ "$(redis-cli -p "$PORT" debug sleep 0)" == "ERR DEBUG command not allowed"* ]]
	stop_serve
	start_serve --enable-debug-command local
	[ "$(redis-cli -p "$PORT" config get enable-debug-command | tail -1)" = local ]
	[ "$(redis-cli -p "$PORT" debug sleep 0)" = OK ]
	[ "$(redis-cli -p "$PORT" debug populate 100 p 40)" = OK ]
	[ "$(redis-cli -p "$PORT" strlen p:99)" = 40 ]
	# What nobody asks for does not expire, and expires when asked.
	[ "$(redis-cli -p "$PORT" debug set-active-expire 0)" = OK ]
	[ "$(redis-cli -p "$PORT" set gone 1 px 1)" = OK ]
	for _ in 1 2 3; do
		[ "$(redis-cli -p "$PORT" dbsize)" = 101 ]
		sleep 0.1
	done
	[ -z "$(redis-cli -p "$PORT" get gone)" ]
	[ "$(redis-cli -p "$PORT" dbsize)" = 100 ]
	[ "$(redis-cli -p "$PORT" set gone 1 px 1)" = OK ]
	[ "$(redis-cli -p "$PORT" debug set-active-expire 1)" = OK ]
	is_empty() { [ "$(redis-cli -p "$PORT" dbsize)" = 100 ]; }
	wait_for is_empty
	run -2 "$BIN/predis-serve" --enable-debug-command maybe --port 0
}

@test "a configuration file of Redis" {
	cat >r.conf <<-'F'
	# as in Redis, "with a quote
	port 0
	unixsocket s
	dir .
	daemonize no
	save 900 1
	loglevel verbose
	maxmemory 20mb
	maxmemory-policy allkeys-lru
	slowlog-log-slower-than 77
	tcp-keepalive 78
	tcp-backlog 511
	user default on nopass ~* &* +@all -flushall
	user acme on ">ab" ~acme:* +get +set
	F
	predis-serve r.conf >log 2>err 3>&- &
	PID=$!
	wait_for redis-cli -s s ping
	grep -q "PID: $PID" log
	wait_for grep -q 'Ready to accept connections' log
	grep -q "without effect here: daemonize, save, tcp-backlog$" log
	[ "$(redis-cli -s s config get maxmemory | tail -1)" = 20971520 ]
	[ "$(redis-cli -s s config get slowlog-log-slower-than | tail -1)" = 77 ]
	[ "$(redis-cli -s s config get tcp-keepalive | tail -1)" = 78 ]
	[[ "$(redis-cli -s s flushall)" == NOPERM* ]]
	[ "$(redis-cli -s s --user acme --pass ab --no-auth-warning \
	    set acme:1 x)" = OK ]
	# What CONFIG SET changed is written as Redis writes it.
	[ "$(redis-cli -s s config set slowlog-log-slower-than 78 timeout 5)" = OK ]
	[ "$(redis-cli -s s config rewrite)" = OK ]
	[ "$(grep -c '^slowlog-log-slower-than' r.conf)" = 1 ]
	grep -qx 'timeout "5"' r.conf
	grep -qx 'save 900 1' r.conf
	stop_serve
	predis-serve r.conf >log 2>err 3>&- &
	PID=$!
	wait_for redis-cli -s s ping
	[ "$(redis-cli -s s config get slowlog-log-slower-than | tail -1)" = 78 ]
	[ "$(redis-cli -s s config get timeout | tail -1)" = 5 ]
}

@test "a configuration file of Redis: mistakes name file and line" {
	try() {
		printf 'port 0\n%s\n' "$1" >bad.conf
		run -2 --separate-stderr timeout 10 predis-serve bad.conf
		[[ "$stderr" == *"'bad.conf', line 2"*"$2"* ]] || { echo "$stderr"; return 1; }
	}
	try 'maxmemory-policy nonsense' 'argument must be'
	try 'no-such-directive 1' "no option 'no-such-directive'"
	try 'rename-command FLUSHALL ""' 'rules of users'
	try 'replicaof 127.0.0.1 1' 'no replication'
	try 'requirepass "abc' 'wrong quotes'
	try 'user a on ">a b"' 'a rule with a blank'
	try 'port 70000' 'at most 65535'
	try 'maxclients 0' 'between 1 and'
	printf 'user a on\nuser a on\n' >bad.conf
	run -2 --separate-stderr timeout 10 predis-serve bad.conf
	[[ "$stderr" == *"Duplicate user 'a' found"* ]]
}
