# Servers to be measured: started on core 0, asked from the last core, their
# processor time read from schedstat. To be read with `.` after common.sh.
# shellcheck shell=sh disable=SC2154
#
# Each has a NAME; $work/NAME.pid and $work/NAME.port tell where it is. All that
# are predis-serve have one secret, in every run: the same keys are sampled.
core=0
(umask 077 && printf '%032d' 1 >"$work/key")
client_core=$(($(nproc) - 1))
client() { taskset -c "$client_core" "$@"; }
pid() { cat "$work/$1.pid"; }
port() { cat "$work/$1.port"; }
cli() { # NAME COMMAND...
	s=$1
	shift
	redis-cli -p "$(port "$s")" "$@" | tr -d '\r'
}
# ask NAME WHAT OPTION...: kvload, and its line of JSON.
ask() {
	s=$1 what=$2
	shift 2
	client "$B/tests/lib/kvload" -p "$(pid "$s")" "$@" "$what" "$(port "$s")"
}
cpu() { awk '{s += $1} END {printf "%.0f\n", s}' /proc/"$(pid "$1")"/task/*/schedstat; }
rss() { awk '/VmRSS/ {printf "%.0f\n", $2 * 1024}' "/proc/$(pid "$1")/status"; }

# Wait for a server; up to a minute while its process is there. memcached has
# no PING, its port answers when it listens.
answers() { # NAME
	for _ in $(seq 1200); do
		kill -0 "$(pid "$1")" 2>/dev/null || return 1
		[ -s "$work/$1.port" ] && "$B/tests/lib/kvload" -n 1 \
		    ${2:+"$2"} ping "$(port "$1")" >/dev/null 2>&1 && return
		sleep 0.05
	done
	return 1
}
launched() { # NAME PID
	pids="$pids $2"
	echo "$2" >"$work/$1.pid"
}
# redis-server takes no port 0: a port that was free a moment ago may be
# somebody's now, then it ends, or another process answers.
redis_on() { # PORT NAME OPTION...
	echo "$1" >"$work/$2.port"
	name=$2
	shift 2
	taskset -c "$core" ${UNDER:-} redis-server --port "$(port "$name")" \
	    --save '' --bind 127.0.0.1 --appendonly no --logfile /dev/null \
	    "$@" &
	launched "$name" $!
	answers "$name" && [ "$(cli "$name" info server |
	    sed -n 's/^process_id://p')" = "$(pid "$name")" ]
}
start_redis() { # NAME OPTION...
	for try in $(seq 20); do
		redis_on $((20000 + ($$ * 37 + try * 1009) % 12000)) "$@" &&
			return
	done
	echo "no port for redis-server" >&2
	exit 2
}
start_memcached() { # NAME OPTION...
	name=$1
	shift
	rm -f "$work/$name.ports"
	MEMCACHED_PORT_FILENAME=$work/$name.ports taskset -c "$core" memcached \
	    -u "$(id -un)" -l 127.0.0.1 -p -1 -t 1 -U 0 "$@" &
	launched "$name" $!
	for _ in $(seq 600); do
		[ -s "$work/$name.ports" ] && break
		sleep 0.05
	done
	sed -n 's/^TCP INET: //p' "$work/$name.ports" >"$work/$name.port"
	answers "$name" -m && return
	echo "memcached does not answer" >&2
	exit 2
}
start_predis() { # NAME OPTION...
	name=$1
	shift
	rm -f "$work/$name.port"
	taskset -c "$core" ${UNDER:-} "$B/predis-serve" --port 0 \
	    --port-file "$work/$name.port" --key-file "$work/key" \
	    --log-level warning "$@" \
	    >"$work/$name.log" 2>&1 &
	launched "$name" $!
	answers "$name" && return
	cat "$work/$name.log" >&2
	exit 2
}
stop() { # NAME
	kill "$(pid "$1")" 2>/dev/null
	wait "$(pid "$1")" 2>/dev/null
	pids=$(for p in $pids; do
		[ "$p" = "$(pid "$1")" ] || echo "$p"
	done)
}
# A reader of the tap, into $work/NAME.pds; there when it has begun the stream.
read_tap() {
	name=$1
	shift
	rm -f "$work/$name.pds"
	taskset -c "$client_core" "$B/predis-sample" tap -o "$work/$name.pds" "./$name.tap" \
	    2>"$work/$name.tap.log" &
	launched "$name.reader" $!
	for _ in $(seq 600); do
		[ -s "$work/$name.pds" ] && return
		sleep 0.05
	done
	cat "$work/$name.tap.log" >&2
	exit 2
}
