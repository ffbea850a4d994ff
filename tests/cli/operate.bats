# What operators use of predis-serve: users, messages, MONITOR, SLOWLOG, LATENCY.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

cli() { redis-cli -p "$PORT" "$@"; }
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }

@test "users come from a file, which ACL SAVE writes" {
	cat >users <<-'EOF'
	user default on nopass ~* &* +@all
	user acme on >secret ~acme:* +@read +@write -@dangerous
	EOF
	start_serve --aclfile users
	acme() { cli --user acme --pass secret --no-auth-warning "$@"; }
	[ "$(acme set acme:1 x)" = OK ]
	[[ $(acme get other) == NOPERM* ]]
	[[ $(acme flushall) == NOPERM* ]]
	[ "$(cli acl setuser late on nopass '~*' +ping)" = OK ]
	[[ $(cli acl setuser "" on) == ERR* ]]
	[ "$(cli acl save)" = OK ]
	[ "$(stat -c %a users)" = 600 ]
	run ! grep -q secret users
	stop_serve
	rm -f port
	start_serve --aclfile users
	[ "$(cli acl users | tr '\n' ' ')" = "acme default late " ]
	[ "$(acme get acme:1)" = "" ]
	cp users good
	echo 'user acme on +nonsense' >>users
	[[ $(cli acl load) == *users:4*no\ change* ]]
	[ "$(cli acl users | wc -l)" = 3 ]
	grep -v late good >users
	[ "$(cli acl load)" = OK ]
	[ "$(cli acl users | wc -l)" = 2 ]
}

@test "a mistake in the file of users is named, and nothing serves" {
	echo 'user acme on +get %Q~x' >users
	run -2 --separate-stderr predis-serve --port 0 --aclfile users
	[[ $stderr == *users:1*%Q~x* ]]
	[ -z "$output" ]
	run -2 --separate-stderr predis-serve --port 0 --aclfile absent
	[[ $stderr == *absent* ]]
}

@test "who may not do a thing any more is told, or leaves" {
	start_serve
	cli acl setuser acme on nopass '~*' '&*' +@all
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'AUTH acme x\r\nSUBSCRIBE news\r\n' >&9
	wait_for sh -c "redis-cli -p $PORT pubsub numsub news | grep -q 1"
	cli acl setuser acme resetchannels
	wait_for sh -c "redis-cli -p $PORT pubsub numsub news | grep -q 0"
	exec 9>&-
	[ "$(cli acl deluser acme)" = 1 ]
	[[ $(cli acl log | head -1) != *ERR* ]]
	[[ $(cli auth acme x) == WRONGPASS* ]]
	[ "$(cli acl log 1 | sed -n 4p)" = auth ]
	[ "$(info acl_access_denied_auth)" = 1 ]
}

@test "MONITOR tells commands, or those on some keys" {
	start_serve
	redis-cli -p "$PORT" monitor >all 3>&- &
	all=$!
	mkfifo still
	nc 127.0.0.1 "$PORT" <still >some 3>&- &
	some=$!
	exec 8>still
	printf 'MONITOR PREFIX user:\r\n' >&8
	rm still
	mkfifo still
	nc 127.0.0.1 "$PORT" <still >share 3>&- 8>&- &
	share=$!
	exec 9>still
	printf 'MONITOR PERCENT 25\r\n' >&9
	wait_for test -s all
	wait_for test -s some
	wait_for test -s share
	for i in $(seq 400); do echo "SET user:$i v"; done | cli >/dev/null
	for i in $(seq 400); do echo "SET k$i v"; done | cli >/dev/null
	printf 'AUTH x\nCONFIG GET x\nMULTI\nGET user:1\nEXEC\n' | cli >/dev/null
	# The last command: then all have been told.
	echo 'GET user:end' | cli >/dev/null
	for f in all some; do
		wait_for grep -q user:end $f
	done
	stop_serve
	exec 8>&- 9>&-
	wait "$all" "$some" "$share" || true
	rm -f port
	start_serve
	[ "$(grep -c '"SET"' all)" = 800 ]
	grep -q '"AUTH" "(redacted)"' all
	run ! grep -q CONFIG all
	[ "$(grep -c '"GET" "user:1"' all)" = 1 ]
	[ "$(grep -c '"SET" "user:' some)" = 400 ]
	run ! grep -q '"k1"' some
	n=$(grep -c '"SET"' share)
	[ "$n" -gt 100 ] && [ "$n" -lt 300 ]
	[[ $(cli monitor percent 0) == *percent* ]]
	[[ $(cli monitor bogus) == *syntax* ]]
}

@test "a monitor that does not read loses lines, not the server its memory" {
	start_serve --maxmemory 64M
	/usr/bin/python3 - "$PORT" <<-'EOF'
	import re, socket, sys
	def connect():
	    return socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
	m = connect()
	m.sendall(b"MONITOR\r\n")
	assert m.recv(5) == b"+OK\r\n"
	c = connect()
	one = b"SET key " + b"x" * 1000 + b"\r\n"
	for i in range(40):
	    c.sendall(one * 500)
	    got = 0
	    while got < 500 * 5:
	        got += len(c.recv(1 << 16))
	c.sendall(b"INFO everything\r\n")
	info = c.recv(1 << 20)
	while len(info) < int(info[1:info.index(b"\r")]):
	    info += c.recv(1 << 20)
	info = info.decode()
	f = dict(l.split(":", 1) for l in info.split("\r\n") if ":" in l)
	assert int(f["predis_monitor_lost"]) > 10000, f["predis_monitor_lost"]
	assert int(f["used_memory_clients"]) < 4 << 20
	m.settimeout(0.3)
	text = b""
	more = 0
	dropped = re.compile(rb'\[0 predis\] "dropped" "(\d+)"')
	while not dropped.search(text):
	    try:
	        text += m.recv(1 << 20)
	    except TimeoutError: # all read: what comes next tells of the lost
	        assert more < 100
	        more += 1
	        c.sendall(b"PING\r\n")
	        c.recv(100)
	lost = int(dropped.search(text)[1]) - int(f["predis_monitor_lost"])
	assert 0 <= lost < max(more, 1), (lost, more)
	EOF
}

@test "a subscriber that does not read is closed at its limit" {
	start_serve --set 'client-output-buffer-limit=pubsub 1mb 0 0'
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'SUBSCRIBE news\r\n' >&9
	wait_for sh -c "redis-cli -p $PORT pubsub numsub news | grep -q 1"
	head -c 100000 /dev/zero | tr '\0' x >big
	for i in $(seq 200); do
		[ "$(cli -x publish news <big)" = 1 ] || break
	done
	[ "$i" -lt 200 ]
	[ "$(info predis_connections_dropped)" = 1 ]
	exec 9>&-
}

@test "SLOWLOG and LATENCY see what took long, without secrets" {
	start_serve --set slowlog-log-slower-than=0 --set slowlog-max-len=8
	cli acl setuser acme '>secret' on >/dev/null
	cli config set requirepass '' >/dev/null
	cli set key value >/dev/null
	cli slowlog get 8 >log
	grep -q '(redacted)' log
	run ! grep -q secret log
	grep -q value log
	[ "$(cli slowlog len)" -le 8 ]
	cli config set slowlog-log-slower-than -1 >/dev/null
	cli slowlog reset >/dev/null
	cli get key >/dev/null
	[ "$(cli slowlog len)" = 0 ]
	cli config resetstat >/dev/null
	for i in 1 2 3; do cli set "key:$i" x >/dev/null; done
	[ "$(cli latency histogram set | sed -n 3p)" = 3 ]
	cli info latencystats | grep -q '^latency_percentiles_usec_set:p50='
	cli info commandstats | grep -q '^cmdstat_set:calls=3,'
	cli config set latency-monitor-threshold 1 >/dev/null
	redis-benchmark -p "$PORT" -t set -n 200000 -r 100000000 -P 50 -q \
	    >/dev/null
	cli flushall >/dev/null
	cli latency latest | grep -q '^command$'
	[ "$(cli latency history command | head -1)" -gt 1000000000 ]
	[ "$(cli latency reset)" -ge 1 ]
}

@test "subscriptions and slow commands count as memory, and give it back" {
	start_serve --maxmemory 8M
	before=$(info used_memory_pubsub)
	python3 - "$PORT" 3>&- <<-'EOF' &
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	for i in range(50):
	    names = b" ".join(b"%0100d" % (i * 100 + k) for k in range(100))
	    s.sendall(b"SUBSCRIBE " + names + b"\r\n")
	    s.recv(1 << 20)
	time.sleep(300)
	EOF
	sub=$!
	grown() { [ "$(info used_memory_pubsub)" -gt $((before + 5000 * 150)) ]; }
	wait_for grown
	kill $sub
	wait $sub || true
	left() { [ "$(info used_memory_pubsub)" -lt $((before + 65536 + 8192)) ]; }
	wait_for left
	cli config set slowlog-log-slower-than 0
	for _ in $(seq 20); do cli set a "$(printf %0100d 0)"; done >/dev/null
	[ "$(info used_memory_slowlog)" -gt 4000 ]
	cli config set slowlog-log-slower-than -1
	cli slowlog reset
	[ "$(info used_memory_slowlog)" -le 2048 ]
}

@test "options are set at the start, and written back by CONFIG REWRITE" {
	printf '# acme\nset slowlog-max-len=7\nset hz=20\n' >conf
	start_serve --config conf
	[ "$(cli config get slowlog-max-len | tail -1)" = 7 ]
	[ "$(cli config set slowlog-max-len 9 notify-keyspace-events KEA)" = OK ]
	[[ $(cli config set slowlog-max-len 10 hz x) == *hz* ]]
	[ "$(cli config get slowlog-max-len | tail -1)" = 9 ]
	[ "$(cli config rewrite)" = OK ]
	stop_serve
	rm -f port
	grep -q '^# acme' conf
	[ "$(grep -c slowlog-max-len conf)" = 1 ]
	start_serve --config conf
	[ "$(cli config get slowlog-max-len | tail -1)" = 9 ]
	[ "$(cli config get notify-keyspace-events | tail -1)" = AKE ]
	[ "$(cli config get hz | tail -1)" = 20 ]
	stop_serve
	rm -f port
	start_serve
	[[ $(cli config rewrite) == *without\ a\ config\ file* ]]
	run -2 --separate-stderr predis-serve --port 0 --set bogus=1
	[[ $stderr == *bogus* ]]
	run -2 --separate-stderr predis-serve --port 0 --set hz=x
	[[ $stderr == *hz* ]]
}

@test "an operator gets in by the Unix socket when clients have taken all" {
	start_serve --maxclients 2 --unixsocket "$PWD/s"
	exec 8<>"/dev/tcp/127.0.0.1/$PORT" 9<>"/dev/tcp/127.0.0.1/$PORT"
	wait_for sh -c "redis-cli -s s info clients |
	    grep -q '^connected_clients:3'"
	[[ $(cli ping 2>&1) == *"max number of clients"* ]]
	[ "$(redis-cli -s s ping)" = PONG ]
	exec 8>&- 9>&-
}

@test "threads and shards are told, and cannot be changed" {
	start_serve --threads 3 --shards 16
	[ "$(info threads)" = 3 ]
	[ "$(info shards)" = 16 ]
	[ "$(cli config get threads shards | tr '\n' ' ')" = \
	    "shards 16 threads 3 " ]
	[[ $(cli config set threads 2) == ERR* ]]
	[[ $(cli config set shards 2) == ERR* ]]
	grep -q 'started, .* 3 threads, 16 shards, ' serve.log
	stop_serve
	rm -f port
	start_serve
	grep -q 'started, .* 1 thread, 1 shard, ' serve.log
}

@test "OBJECT FREQ and IDLETIME answer what the policy knows, or that it does not" {
	start_serve --maxmemory 100M
	freq() { cli object freq k; }
	for policy in lfu gdsf; do
		cli config set maxmemory-policy "allkeys-$policy"
		cli del k >/dev/null
		cli set k v
		[ "$(freq)" = 1 ]
		cli mget k k k >/dev/null
		[ "$(freq)" = 4 ]
	done
	# Now and then the logarithmic counter of Redis grows.
	cli config set maxmemory-policy volatile-lfu
	cli del k
	cli set k v
	first=$(freq)
	yes 'GET k' | head -n 2000 | cli >/dev/null || true
	[ "$(freq)" -gt "$first" ]
	for policy in learned lru; do
		cli config set maxmemory-policy "allkeys-$policy"
		[[ $(freq) == ERR*LFU* ]]
	done
	[[ $(freq) == ERR*LFU* ]]
	for policy in selector learned redis-lru lhd; do
		cli config set maxmemory-policy "allkeys-$policy"
		cli get k >/dev/null
		[ "$(cli object idletime k)" -le 1 ]
	done
	for policy in lru lfu s3fifo fifo; do
		cli config set maxmemory-policy "allkeys-$policy"
		[[ $(cli object idletime k) == ERR*idle* ]]
	done
}

# What 100000 keys more take of what INFO counts is what MEMORY USAGE says.
@test "MEMORY USAGE is what a key costs" {
	for policy in lru lfu redis-lru; do
		rm -f port
		start_serve --maxmemory 1G --policy $policy
		cli set key:000000 0123456789
		before=$(info used_memory)
		seq 100000 199999 | sed 's/.*/SET key:& 0123456789/' |
		    cli --pipe | grep -q 'errors: 0'
		now=$(info used_memory)
		says=$(cli memory usage key:150000)
		echo "$policy: $says, $(((now - before) / 100000))"
		[ $((says * 100000)) -gt $(((now - before) * 7 / 10)) ]
		[ $((says * 100000)) -lt $(((now - before) * 12 / 10)) ]
		stop_serve
	done
}
