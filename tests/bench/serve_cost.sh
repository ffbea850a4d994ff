# Parts of serve_bench.sh that count instructions, bytes and stalls; see there.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

# requests FILE KEYS [SECONDS]: SETs as redis-cli --pipe takes them.
requests() {
	awk -v n="$2" -v ttl="${3:-0}" 'BEGIN {
		v = sprintf("%100s", "")
		gsub(" ", "x", v)
		tail = ttl ? sprintf("$2\r\nEX\r\n$%d\r\n%d\r\n",
		    length(ttl ""), ttl) : ""
		for (i = 0; i < n; i++)
			printf "*%d\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n" \
			    "$100\r\n%s\r\n%s", ttl ? 5 : 3, i, v, tail
	}' >"$1"
}
start_for_memory() {
	case $1 in
	redis) start_redis redis ;;
	memcached) start_memcached memcached -m 1024 ;;
	*) start_predis "$1" -m 2G -P "$1" ;;
	esac
}
# pipe NAME: $work/load into the server, all replies read; ns a key.
pipe() {
	ns "$1" "$keys" sh -c "redis-cli -p $(port "$1") --pipe <$work/load"
}
# load NAME: a server's life, from its start to all keys in it. Its bytes go to
# $work/NAME.bytes, the ns a key to standard output.
load() {
	start_for_memory "$1"
	before_rss=$(rss "$1")
	if [ "$1" = memcached ]; then
		ask memcached load -m -P 64 -r "$keys" -e "$ttl" >"$work/asked"
		echo $(($(field cpu_ns <"$work/asked") / keys))
	else
		pipe "$1"
		# What is cleared up in the background takes a moment.
		sleep 0.3
	fi
	echo $((($(rss "$1") - before_rss) / keys)) >"$work/$1.bytes"
	[ "$1" = memcached ] || cli "$1" info memory >"$work/$1.memory"
	stop "$1"
}
part_memory() {
	servers="$PEER lru $POLICIES"
	[ -n "$PEER" ] && command -v memcached >/dev/null &&
		servers="$servers memcached"
	was=$PAIRS
	for kind in $LOADED; do
		keys=$((KEYS * ${kind%,*} / 10)) ttl=${kind#*,}
		with='' bar=156 PAIRS=1
		[ "$ttl" = 0 ] || { with=', TTL' && bar=162; }
		headline "RSS in bytes a key and load, $keys keys$with"
		requests "$work/load" "$keys" "$ttl"
		[ "$kind" = 10,0 ] && PAIRS=$LOADS
		rounds "$servers" load
		for s in $servers; do
			limit=-
			case $s in redis | memcached) ;; *) limit=$bar ;; esac
			figure memory "RSS, $keys keys$with" $s \
			    "$(cat "$work/$s.bytes")" 'B/key' $limit
		done
		[ -z "$PEER" ] || compare load "load of $keys keys$with" 1.0 \
		    redis lru $POLICIES
		[ "$ttl" = 0 ] && for s in $POLICIES; do awk -v s="$s" \
		    -F : -v n="$keys" '
		    /^used_memory_(entries|index|slots|policy|context|ghosts)/ {
			printf "%s %s %.1f", sep, substr($1, 13), $2 / n
			sep = ","
		    }
		    END { print " bytes a key by INFO, " s }' "$work/$s.memory"
		done
	done
	PAIRS=$was
	rm -f "$work/load"
}

# From fork to the first +PONG.
part_start() {
	headline "start to the first PONG, least of $STARTS"
	for s in $PEER selector; do
		case $s in
		redis) set -- redis-server --save '' --appendonly no \
			--logfile /dev/null ;;
		*) set -- "$B/predis-serve" --log-level warning \
			--model "$work/model.pdm" ;;
		esac
		client "$B/tests/lib/first_pong" "$STARTS" ./start.sock "$@" \
		    --port 0 --unixsocket ./start.sock >"$work/start"
		read -r wall processor <"$work/start"
		bar=-
		[ $s = redis ] || bar=20
		figure start 'first PONG, wall' $s "$wall" ms $bar
		figure start 'first PONG, CPU' $s "$processor" ms
	done
}

# Under callgrind a server writes what it counted when it is asked for ECHO, in
# the function that answers it; nothing else has to speak with valgrind.
has_callgrind() {
	command -v valgrind >/dev/null && return
	echo "no valgrind: skipped"
	return 1
}
callgrind() { # NAME START OPTION...
	UNDER="valgrind -q --tool=callgrind --dump-before=run_echo
	    --dump-before=echoCommand --callgrind-out-file=$work/callgrind.$1"
	start=$2 name=$1
	shift 2
	"$start" "$name" "$@"
	UNDER=
}
# counted NAME OPS WHAT OPTION...: user instructions an operation of a server
# under callgrind.
counted() {
	name=$1 ops=$2
	shift 2
	cli "$name" echo from >/dev/null
	rm -f "$work/callgrind.$name".*
	ask "$name" "$@" -n "$ops" >/dev/null
	cli "$name" echo to >/dev/null
	awk -v n="$ops" '/^(summary|totals):/ {sum = $2}
	    END {if (sum == "") exit 1; printf "%.0f\n", sum / n}' \
	    "$work/callgrind.$name".*
}
part_instructions() {
	has_callgrind || return
	headline "user instructions an operation (callgrind), $COUNT_KEYS keys"
	for s in $PEER $POLICIES; do
		case $s in
		redis) callgrind redis start_redis ;;
		*) callgrind $s start_predis -m 1G -P $s \
			--model "$work/model.pdm" ;;
		esac
		ask $s load -P 64 -r "$COUNT_KEYS" >/dev/null
		for P in $COUNT_PIPELINES; do
			for what in get set; do
				bar=-
				[ $P = 16 ] && [ $s != redis ] && bar=2000
				figure instructions "$what P$P" $s \
				    "$(counted $s "$COUNT" $what -P $P \
				    -r "$COUNT_KEYS")" '' $bar
			done
		done
		stop $s
	done
}
# Sampling, exactly: one connection, batches of 16, without a tap, at its default
# rate, and everything; the least of five, what runs by the clock being more in
# the others.
part_sampling() {
	has_callgrind || return
	headline "user instructions an operation and the tap"
	for rate in none 0.001 1; do
		set -- tap start_predis -m 1G --model "$work/model.pdm"
		[ $rate = none ] || set -- "$@" --tap ./tap.tap --tap-rate $rate
		callgrind "$@"
		[ $rate = none ] || read_tap tap
		ask tap load -c 1 -P 16 -r "$COUNT_KEYS" >/dev/null
		for _ in 1 2 3 4 5; do
			counted tap "$COUNT" get -c 1 -P 16 -r "$COUNT_KEYS"
		done | sort -n >"$work/counts"
		figure sampling "get P16, tap of $rate" selector \
		    "$(head -n 1 "$work/counts")" ''
		[ $rate = none ] || stop tap.reader
		stop tap
	done
}

# stalled NAME COMMAND...: how long the loop was at one thing, at most, while
# the command ran, in ms of its processor time; a second client finds it.
stalled() {
	name=$1
	shift
	taskset -c "$client_core" "$B/tests/lib/kvload" -p "$(pid "$name")" \
	    -n 100000000 stall "$(port "$name")" >"$work/stall" &
	pinger=$!
	pids="$pids $pinger"
	client "$@" >/dev/null 2>&1 || echo "failed: $*" >&2
	sleep 0.2
	kill $pinger
	wait $pinger 2>/dev/null
	awk -v ns="$(field longest_cpu_ns <"$work/stall")" \
	    'BEGIN {printf "%.2f\n", ns / 1e6}'
}
part_stall() {
	headline "longest stall of the loop, ms of processor time"
	start_redis redis
	start_predis selector -m 2G --model "$work/model.pdm"
	requests "$work/load" "$KEYS"
	for s in redis selector; do
		figure stall "load of $KEYS keys" $s "$(stalled $s sh -c \
		    "redis-cli -p $(port $s) --pipe <$work/load")" ms
	done
	figure stall "a model is loaded" selector "$(stalled selector \
	    redis-cli -p "$(port selector)" predis.model load \
	    "$work/model.pdm")" ms
	for policy in lru learned selector; do
		figure stall "policy changes to $policy" selector "$(stalled \
		    selector redis-cli -p "$(port selector)" config set \
		    maxmemory-policy "allkeys-$policy")" ms
	done
	for s in redis selector; do
		figure stall "FLUSHALL of $KEYS keys" $s "$(stalled $s \
		    redis-cli -p "$(port $s)" flushall)" ms
		stop $s
	done
	rm -f "$work/load"
}
