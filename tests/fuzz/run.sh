#!/bin/sh
# A short libFuzzer run of each parser; FUZZ_SECONDS each (default 10), or
# about FUZZ_RUNS inputs each. FUZZ_SEED makes a run the same again.
# Prints one TAP line a parser; a crash prints its input's name and fails.
set -u
B=${B:-build-fuzz}
cd "$(dirname "$0")/../.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
case ${FUZZ_RUNS:-} in
'') set -- -max_total_time="${FUZZ_SECONDS:-10}" ;;
*) set -- ;;
esac
[ -z "${FUZZ_SEED:-}" ] || set -- "$@" -seed="$FUZZ_SEED"
# Addresses that are not random: the sanitizer's memory has its place.
plain=
setarch -R true 2>/dev/null && plain='setarch -R'

# one TARGET OPTION...: fuzzes, writes what is to be printed to $work/NAME.tap.
one() {
	t=$1
	name=$(basename "$t" _fuzz)
	shift
	case ${FUZZ_RUNS:-}$name in
	"$name") ;;
	*command) set -- "$@" -runs=$((FUZZ_RUNS / 25)) ;; # a server an input
	*) set -- "$@" -runs="$FUZZ_RUNS" ;;
	esac
	mkdir -p "$work/$name"
	# shellcheck disable=SC2086
	if $plain "$t" "$@" -timeout=60 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix="$B/crash-$name-" \
	    "$work/$name" "tests/fuzz/corpus/$name" >"$work/$name.log" 2>&1
	then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$work/$name.log")
		echo "fuzz $name: ${runs:-0} inputs" >"$work/$name.ok"
	else
		tail -n 60 "$work/$name.log" >"$work/$name.bad"
	fi
}

n=0 bad=0 jobs=$(nproc)
for t in "$B"/tests/fuzz/*_fuzz; do
	[ -x "$t" ] || continue
	one "$t" "$@" &
	n=$((n + 1))
	[ $((n % jobs)) -ne 0 ] || wait
done
wait
n=0
for t in "$B"/tests/fuzz/*_fuzz; do
	[ -x "$t" ] || continue
	name=$(basename "$t" _fuzz)
	n=$((n + 1))
	if [ -e "$work/$name.ok" ]; then
		echo "ok $n - $(cat "$work/$name.ok")"
	else
		cat "$work/$name.bad"
		echo "not ok $n - fuzz $name"
		bad=1
	fi
done
exit $bad
