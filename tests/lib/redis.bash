# Redis servers of a test: load with `load ../lib/redis` after common. Each
# ends with stop_redis, in teardown.
REDIS_PIDS=
CONSUMER=
NUMBERED=$BIN/tests/lib/numbered

# free_ports N: N free ports of the loopback, below those that the kernel gives
# to connections.
free_ports() {
	/usr/bin/python3 - "$1" <<'PY'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randint(12000, 31000)))
        held.append(s)
    except OSError:
        pass
print(*(s.getsockname()[1] for s in held))
PY
}

# start_redis NAME PORT [OPTION...]: a server in the folder NAME, with a Unix
# socket NAME/s; fails when it does not answer, as when somebody else took the
# port.
start_redis() {
	local name=$1 port=$2
	shift 2
	mkdir -p "$BATS_TEST_TMPDIR/$name"
	redis-server --port "$port" --bind 127.0.0.1 --save '' \
	    --dir "$BATS_TEST_TMPDIR/$name" --unixsocket s --daemonize no "$@" \
	    >"$BATS_TEST_TMPDIR/$name.log" 2>&1 3>&- &
	eval "PID_$name=$!"
	REDIS_PIDS="$REDIS_PIDS $!"
	local pid=$! end=$((SECONDS + 30))
	while [ $SECONDS -le $end ]; do
		kill -0 "$pid" 2>/dev/null || return 1
		redis-cli -s "$BATS_TEST_TMPDIR/$name/s" ping 2>&1 |
		    grep -qE 'PONG|NOAUTH' && return 0
		sleep 0.05
	done
	return 1
}

# one_redis NAME [OPTION...]: the same on a free port; sets PORT.
one_redis() {
	local try name=$1
	shift
	for try in 1 2 3 4 5; do
		PORT=$(free_ports 1)
		start_redis "$name" "$PORT" "$@" && return 0
	done
	return 1
}

# one_tls NAME [OPTION...]: the same with TLS on PORT, and only there.
one_tls() {
	local try name=$1
	shift
	for try in 1 2 3 4 5; do
		PORT=$(free_ports 1)
		start_redis "$name" 0 --tls-port "$PORT" "$@" && return 0
	done
	return 1
}

# Also what a test added to REDIS_PIDS.
stop_redis() {
	local p
	for p in $REDIS_PIDS; do
		kill -9 "$p" 2>/dev/null || continue
		wait "$p" 2>/dev/null || true
	done
	REDIS_PIDS=
}

# try_cluster: three masters and three replicas; sets PORTS (an array).
try_cluster() {
	local i all
	# shellcheck disable=SC2207
	all=($(free_ports 12))
	PORTS=("${all[@]:0:6}")
	for i in 0 1 2 3 4 5; do
		rm -rf "${BATS_TEST_TMPDIR:?}/node$i"
		start_redis "node$i" "${all[$i]}" --cluster-enabled yes \
		    --cluster-port "${all[$((i + 6))]}" \
		    --cluster-node-timeout "${NODE_TIMEOUT:-2000}" \
		    --appendonly no --repl-diskless-sync-delay 0 || return 1
	done
	# shellcheck disable=SC2046
	redis-cli --cluster create $(printf '127.0.0.1:%s ' "${PORTS[@]}") \
	    --cluster-replicas 1 --cluster-yes >create.log 2>&1 || return 1
}

# Every node knows every slot, and every master has its replica.
cluster_settled() {
	local p
	for p in "${PORTS[@]}"; do
		redis-cli -p "$p" cluster info | tr -d '\r' |
		    grep -qx 'cluster_state:ok' || return 1
		redis-cli -p "$p" info replication | tr -d '\r' | grep -qxE \
		    'connected_slaves:1|master_link_status:up' || return 1
	done
}

start_cluster() {
	local try
	for try in 1 2 3; do
		if try_cluster && wait_for cluster_settled; then
			return 0
		fi
		cat create.log >&2
		stop_redis
	done
	return 1
}

# start_consumer NAME [OPTION...]: receives from URL in the group g, by this
# name, into NAME.pds.
start_consumer() {
	local name=$1
	shift
	predis-sample receive -v --from "$URL" --group g --consumer "$name" \
	    --follow --append -o "$name.pds" "$@" 2>>"$name.err" 3>&- &
	CONSUMER=$!
}

# stop_consumer [SIGNAL]
stop_consumer() {
	[ -n "$CONSUMER" ] || return 0
	kill "-${1:-TERM}" "$CONSUMER" 2>/dev/null
	wait "$CONSUMER" 2>/dev/null
	CONSUMER=
}

# cluster_survives EVENTS BLOCK: so many numbered events, in blocks of BLOCK, go
# through a cluster; half-way a master and the consumer are killed.
cluster_survives() {
	local sender p
	start_cluster
	URL=redis-stream://127.0.0.1:${PORTS[0]},127.0.0.1:${PORTS[1]}/ev
	"$NUMBERED" write "$1" "$2" gate 3>&- | {
		predis-sample send -v --to "$URL" 2>send.err 3>&-
		echo $? >send.rc
	} 3>&- &
	sender=$!
	REDIS_PIDS="$REDIS_PIDS $sender"
	wait_for test -e gate.half
	start_consumer a
	wait_for test -s a.pds
	stop_consumer KILL || true
	touch gate
	# The master of a third of the slots goes, with the sender half-way.
	# shellcheck disable=SC2154
	kill -9 "$PID_node0"
	start_consumer a
	wait "$sender"
	cat send.err
	[ "$(cat send.rc)" -eq 0 ]
	run ! grep -q dropped send.err
	wait_for "$NUMBERED" check "$1" a.pds
	stop_consumer
	"$NUMBERED" check "$1" a.pds
	# All of it lies there, too, on three masters: one was promoted.
	predis-sample receive --from "$URL" -o all.pds
	"$NUMBERED" check "$1" all.pds
	redis-cli -p "${PORTS[1]}" cluster nodes >nodes
	[ "$(grep -c 'master - ' nodes)" -eq 3 ]
	for p in $(awk '/master - /{sub(/@.*/, "", $2); sub(/.*:/, "", $2)
	    print $2}' nodes); do
		[ "$(redis-cli -p "$p" dbsize | grep -o '[0-9]*$')" -gt 1 ]
	done
}
