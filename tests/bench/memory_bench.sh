#!/bin/sh
# The same memory, not the same number of keys: what the learned policy's
# bookkeeping costs and what its model gains, by size of value. Each server
# plays the first half of a real trace; the learned one is trained on it by its
# own tap and loads the model; misses are counted on the second half.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
trace=$top/share/traces/orm_night_head.csv.gz
objects=${OBJECTS:-2600}
work=$(mktemp -d) || exit 2
server=
end() {
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server"
	server=
}
trap 'end; rm -rf "$work"' EXIT INT TERM

wait_for() { # FILE: up to ten seconds
	for _ in $(seq 200); do
		[ -s "$1" ] && return
		sleep 0.05
	done
	echo "nothing at $1" >&2
	cat "$work/log" >&2
	exit 1
}
cli() { redis-cli -s "$work/sock" "$@"; }
start() { # MAXMEMORY OPTION...
	rm -f "$work/port"
	predis-serve --port 0 --unixsocket "$work/sock" \
	    --port-file "$work/port" --maxmemory "$@" >"$work/log" 2>&1 &
	server=$!
	wait_for "$work/port"
}
play() { # SIZE OPTION...
	size=$1
	shift
	predis-replay --server "$work/sock" --value-size "$size" --json "$@" \
	    "$trace"
}
misses() { jq .misses; }

printf 'value\tmaxmemory\tpolicy\tkeys\tmisses\tagainst lru\n'
for size in 400 1000 4000; do
	# The memory that LRU needs for so many keys.
	start 1G --policy lru --maxobjects "$objects"
	play "$size" --to 10% --pipeline 32 >/dev/null
	memory=$(cli predis.stats | paste - - | sed -n 's/^memory_bytes\t//p')
	end
	start "$memory" --policy lru
	play "$size" --to 50% >/dev/null
	lru=$(play "$size" --skip 50% | misses)
	printf '%s\t%s\tlru\t%s\t%s\t\n' "$size" "$memory" "$(cli dbsize)" "$lru"
	end
	start "$memory" --policy learned --tap "$work/tap" --tap-rate 1
	predis-sample tap "$work/tap" -o "$work/events.pds" 2>/dev/null &
	tap=$!
	wait_for "$work/events.pds"
	play "$size" --to 50% >/dev/null
	sleep 1.2
	kill "$tap"
	wait "$tap"
	rm -f "$work/model.pdm"
	predis-retrain train -q -o "$work/model.pdm" "$work/events.pds" \
	    >/dev/null 2>"$work/why" && cli predis.model load \
	    "$work/model.pdm" >/dev/null
	[ -s "$work/why" ] && sed 's/^/  /' "$work/why"
	learned=$(play "$size" --skip 50% | misses)
	printf '%s\t%s\tlearned\t%s\t%s\t%+.1f%%\n' "$size" "$memory" \
	    "$(cli dbsize)" "$learned" \
	    "$(awk -v a="$learned" -v b="$lru" 'BEGIN {print (a / b - 1) * 100}')"
	end
	rm -f "$work/events.pds"
done
