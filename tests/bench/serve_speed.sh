# Parts of serve_bench.sh that read the processor's time; see there.
# shellcheck shell=sh disable=SC2034,SC2086,SC2154

random=key:__rand_int__
mget="MGET $random $random $random $random $random $random $random $random \
    $random $random"

# fill BYTES KEYS NAME...: every key, in order.
fill() {
	bytes=$1 keys=$2
	shift 2
	for s; do
		ask "$s" load -P 64 -d "$bytes" -r "$keys" >/dev/null
	done
}
# cells PART BYTES COMMANDS: in batches; beside redis. At P1 parity is 5%: what
# a wake-up costs is the same for every server.
cells() {
	part=$1 bytes=$2 commands=$3
	for P in $PIPELINES; do
		case $P in
		1) n=$N bar=1.05 ;;
		16) n=$((N * 5)) bar=0.75 ;;
		*) n=$((N * 10)) bar=0.75 ;;
		esac
		for what in $commands; do
			case $what in
			GET) set -- GET $random ;;
			SET) set -- -t set ;;
			*) set -- $mget && n=$((n / 4)) ;;
			esac
			rounds "redis $POLICIES" benchmark "$n" -P "$P" \
			    -d "$bytes" "$@"
			compare "$part" "$what P$P" "$bar" redis $POLICIES
		done
	done
}

# The servers of the cells, tap on and read at its default rate.
start_all() {
	start_redis redis
	for s in $POLICIES; do
		start_predis $s -m 4G -P $s --model "$work/model.pdm" \
		    --tap "./$s.tap"
		read_tap $s
	done
}
stop_all() {
	stop redis
	for s in $POLICIES; do
		stop "$s.reader"
		stop "$s"
	done
}
part_speed() {
	headline "CPU ns an operation, $KEYS keys of 16 + 100 bytes"
	start_all
	fill 100 "$KEYS" redis $POLICIES
	cells speed 100 "GET SET MGET10"
	tap_ns
	for s in redis $POLICIES; do
		figure speed "GETs that missed" $s "$(cli $s info stats |
		    sed -n 's/^keyspace_misses://p')" '' 0
	done
	stop_all
}
part_large() {
	KEYS=$((KEYS * 3 / 10)) PIPELINES=${LARGE_PIPELINES:-1 16}
	headline "CPU ns an operation, $KEYS keys of 16 + 1024 bytes"
	start_all
	fill 1024 "$KEYS" redis $POLICIES
	cells large 1024 "GET SET"
	stop_all
}

# asked NAME WHAT OPTION...: ns a request by kvload.
asked() {
	name=$1 what=$2
	shift 2
	ask "$name" "$what" "$@" >"$work/asked" || echo "failed: $what" >&2
	awk -v n="$(field gets <"$work/asked")" \
	    -v m="$(field sets <"$work/asked")" \
	    -v cpu="$(field cpu_ns <"$work/asked")" \
	    'BEGIN {printf "%.0f\n", cpu / (n + m)}'
}
asked_memcached() {
	case $1 in
	memcached) asked "$@" -m ;;
	*) asked "$@" ;;
	esac
}

# One client for all, as redis-benchmark does not speak to memcached.
part_peers() {
	command -v memcached >/dev/null || {
		echo "no memcached: skipped"
		return
	}
	headline "beside memcached, $PEER_KEYS keys of 16 + 100 bytes"
	start_redis redis
	start_memcached memcached -m 1024
	start_predis selector -m 2G --model "$work/model.pdm"
	fill 100 "$PEER_KEYS" redis selector
	ask memcached load -m -P 64 -r "$PEER_KEYS" >/dev/null
	for P in $PIPELINES; do
		for what in get set; do
			n=$((N * (1 + 4 * (P > 1))))
			rounds "redis memcached selector" asked_memcached \
			    $what -P "$P" -n "$n" -r "$PEER_KEYS"
			compare peers "$what P$P" - memcached selector
			compare peers "$what P$P" - redis selector memcached
		done
	done
	for s in redis memcached selector; do stop $s; done
}

# Requests as of a cache before a database, some keys far more popular than
# others, with memory for half of them: what a decision of the model costs is in
# every miss. Batches of 16.
part_evict() {
	mb=$((EVICT_KEYS * 75 / 1000000 + 1))
	headline "working set twice the memory ($mb MB), GET and SET of misses"
	start_redis redis --maxmemory ${mb}mb --maxmemory-policy allkeys-lru
	for s in lru $POLICIES; do
		start_predis $s -m ${mb}M -P $s --model "$work/model.pdm"
	done
	fill 100 "$EVICT_KEYS" redis lru $POLICIES
	set -- aside -P 16 -r "$EVICT_KEYS" -z 0.9
	for s in redis lru $POLICIES; do
		ask $s "$@" -n $((EVICT_KEYS * 3)) >/dev/null
	done
	rounds "redis lru $POLICIES" asked "$@" -n $((N * 5))
	compare evict "aside P16" - redis lru $POLICIES
	for s in redis lru $POLICIES; do
		ask $s "$@" -n $((N * 5)) -s 9 >"$work/asked"
		figure evict "aside, keys held" $s "$(cli $s dbsize)" keys
		figure evict "aside miss ratio" $s "$(awk \
		    "BEGIN {print $(field misses <"$work/asked") / (5 * $N)}")" ''
	done
	for what in GET SET; do
		n=$((N * 5))
		KEYS=$EVICT_KEYS
		[ $what = GET ] && set -- GET $random
		[ $what = SET ] && set -- -t set -d 100
		rounds "redis lru $POLICIES" benchmark "$n" -P 16 "$@"
		compare evict "uniform $what P16" - redis lru $POLICIES
	done
	for s in redis lru $POLICIES; do stop $s; done
}

# Sampling in nanoseconds: one server, its tap read or not, more rounds than
# elsewhere; what is below a hundredth cannot be told from noise (the exact count
# is in part sampling).
tapped() { # read|unread OPS OPTION...
	[ "$1" = unread ] && [ "$tap" = read ] && stop selector.reader
	[ "$1" = read ] && [ "$tap" = unread ] && read_tap selector
	tap=$1
	shift
	benchmark selector "$@"
}
tap_ns() {
	case " $POLICIES " in *' selector '*) ;; *) return ;; esac
	was=$PAIRS PAIRS=$((PAIRS * 2)) tap=read
	for what in GET SET; do
		[ $what = GET ] && set -- GET $random
		[ $what = SET ] && set -- -t set -d 100
		rounds "unread read" tapped $((N * 5)) -P 16 "$@"
		compare sampling "$what P16, tap" - unread read
	done
	PAIRS=$was
	[ $tap = read ] || read_tap selector
}

# One loop against two, each server on both cores: the processor time that all
# its threads take for an operation. Two loops on two cores of their own can do
# 2 / ratio of one: 1.25 are 1.6 times as much. As many clients as loops at
# most, always two, with 50 connections a loop; they share the last core, so
# that what two loops cost for want of work is in the figure. What is beside it
# says what this way of measuring costs by itself: two processes of one loop
# with half of the keys and a client each, which share nothing; memcached with
# one thread and with two; and two loops with one client, who keeps them less
# busy.
half() { # SERVER OUTPUT CONNECTIONS KEYS SEED OPTION...
	name=$1 to=$2 connections=$3 keys=$4 seed=$5
	shift 5
	ask "$name" "$@" -c "$connections" -r "$keys" -s "$seed" \
	    -n $((N * 5)) >"$work/$to" || echo "failed: $*" >&2
}
two_clients() { # SERVER OF THE FIRST, OF THE SECOND, CONNECTIONS KEYS OPTION...
	first=$1 second=$2 each=$3 range=$4
	shift 4
	before=$(cpu "$first")
	[ "$first" = "$second" ] || before=$((before + $(cpu "$second")))
	half "$first" half.1 "$each" "$range" 1 "$@" &
	half "$second" half.2 "$each" "$range" 2 "$@"
	wait $!
	after=$(cpu "$first")
	[ "$first" = "$second" ] || after=$((after + $(cpu "$second")))
	echo $(((after - before) / (N * 10)))
}
loops() { # NAME WHAT OPTION...
	name=$1
	shift
	case $name in
	one) two_clients one one 25 "$KEYS" "$@" ;;
	two) two_clients two two 50 "$KEYS" "$@" ;;
	'two,1client') asked two "$@" -c 100 -r "$KEYS" -n $((N * 10)) ;;
	processes) two_clients half.a half.b 50 $((KEYS / 2)) "$@" ;;
	m-one) two_clients m-one m-one 25 "$PEER_KEYS" "$@" -m ;;
	m-two) two_clients m-two m-two 50 "$PEER_KEYS" "$@" -m ;;
	esac
}
part_threads() {
	if ! predis-serve --help | grep -q -- --threads; then
		echo "no --threads: skipped"
		return
	fi
	headline "two loops, CPU ns an operation of all threads"
	core=0,$client_core peers=
	for s in one half.a half.b; do
		start_predis $s -m 4G --threads 1
	done
	start_predis two -m 4G --threads 2
	fill 100 "$KEYS" one two
	fill 100 $((KEYS / 2)) half.a half.b
	if [ -n "$PEER" ] && command -v memcached >/dev/null; then
		peers="m-one m-two"
		start_memcached m-one -m 1024
		start_memcached m-two -m 1024 -t 2
		for s in $peers; do
			ask $s load -m -P 64 -r "$PEER_KEYS" >/dev/null
		done
	fi
	for what in get set; do
		for P in 16 64; do
			rounds "one two two,1client processes $peers" loops \
			    $what -P $P
			compare threads "$what P$P" 1.25 one two
			compare threads "$what P$P" - one two,1client processes
			[ -z "$peers" ] ||
				compare threads "$what P$P" - m-one m-two
		done
	done
	core=0
	for s in one two half.a half.b $peers; do stop "$s"; done
}
