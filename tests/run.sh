#!/bin/sh
# Runs tests and counts them: tests/run.sh unit|fuzz|cli|long...
# Environment: B, the build folder; T, a pattern to pick test files by name;
# PASSED, a file: programs of unit tests that passed are noted there, and not run
# again while they are the same to the byte (another switch, the same program).
# CI=true: a test file that fails is run once more, alone, and when it passes
# then it is called flaky. Says "not ok" and FAILED of what failed only. Ends
# with a line "N passed, N failed, N skipped"; exit 1 when one failed.
set -u
B=${B:-build}
T=${T:-}
top=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cd "$top" || exit 2
case $B in /*) ;; *) B=$top/$B ;; esac
# The paths of Unix sockets have room for 107 bytes.
tmp=${TMPDIR:-/tmp}
[ ${#tmp} -le 30 ] || export TMPDIR=/tmp
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
umask 022
export B LC_ALL=C TZ=UTC PREDIS_CONFIG=none
export CMOCKA_MESSAGE_OUTPUT=TAP CMOCKA_TEST_ABORT="${CMOCKA_TEST_ABORT:-0}"
unset MAKEFLAGS MAKELEVEL MFLAGS CDPATH COLUMNS LINES NO_COLOR
# shellcheck disable=SC2046
unset $(env | sed -n 's/^\(BATS_[A-Z_]*\)=.*/\1/p') MAKEFLAGS
passed=0 failed=0 skipped=0 flaky=''

# clean FILE: cmocka says "not ok N # SKIP name" of a test that is skipped.
clean() {
	sed -E 's/^not (ok [0-9]+) # SKIP (.*)/\1 - \2 # SKIP/' "$1" >"$1.tap"
	mv "$1.tap" "$1"
}

# tally NAME STATUS FILE: the sums of the TAP in FILE as p, f and s; a dead
# runner is a failure.
tally() {
	clean "$3"
	s=$(grep -ciE '^ok .*# *skip' "$3")
	p=$(grep -E '^ok ' "$3" | grep -civ '# *skip')
	f=$(grep -cE '^not ok ' "$3")
	if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "not ok - $1 ended with status $2" >>"$3"
	fi
}

# one_file NAME COMMAND...: runs one test file and counts it.
one_file() {
	name=$1
	shift
	"$@" >"$work/out" 2>&1
	tally "$name" $? "$work/out"
	if [ "$f" -gt 0 ] && [ "${CI:-}" = true ]; then
		mv "$work/out" "$work/first"
		"$@" >"$work/out" 2>&1
		tally "$name" $? "$work/out"
		if [ "$f" -eq 0 ]; then
			flaky="$flaky $name"
			echo "RETRIED $name: failed at first, passed alone;" \
			    "what it said at first:"
			sed 's/^not ok/at first not passed:/; s/^/  | /' \
			    "$work/first"
		fi
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -gt 0 ]; then
		cat "$work/out"
		echo "FAILED $name: $f of $((p + f))"
	else
		printf 'ok %-38s %4d passed' "$name" "$p"
		[ "$s" -gt 0 ] && printf ', %d skipped' "$s"
		echo
		grep -iE '^ok .*# *skip' "$work/out" | sed 's/^/    /'
	fi
}

run_unit() {
	for t in "$B"/tests/unit/*"$T"*_test; do
		[ -x "$t" ] || continue
		name=$(basename "$t")
		sum=$(sha256sum <"$t")
		if [ -n "${PASSED:-}" ] && grep -qxF "$sum" "$PASSED"; then
			echo "as before: $name passed"
			continue
		fi
		# shellcheck disable=SC2086
		one_file "$name" $plain timeout "${UNIT_TIMEOUT:-300}" "$t"
		[ -z "${PASSED:-}" ] || [ "$f" -gt 0 ] || echo "$sum" >>"$PASSED"
	done
}

corpus() { # TARGET FILE...
	t=$1
	shift
	if $plain timeout 120 "$t" "$@" 2>&1; then
		echo "ok 1 - $(basename "$t"): $# corpus files"
	else
		echo "not ok 1 - $(basename "$t")"
	fi
}

run_fuzz() {
	for t in "$B"/tests/fuzz/*"$T"*_fuzz; do
		[ -x "$t" ] || continue
		n=$(basename "$t" _fuzz)
		one_file "corpus of $n" corpus "$t" tests/fuzz/corpus/"$n"/*
	done
}

# run_bats DIR: bats files print TAP; each gets its own temporary folder.
run_bats() {
	for t in tests/"$1"/*"$T"*.bats; do
		[ -e "$t" ] || continue
		one_file "$t" timeout "${CLI_TIMEOUT:-600}" bats --tap "$t"
	done
}

# Sanitizers: a failed test ends the program. They want memory where they look
# for it, which random addresses may take, and their search for leaks wants to
# trace, which a container may forbid.
plain=
case $B in
*asan* | *tsan*)
	CMOCKA_TEST_ABORT=1
	setarch -R true 2>/dev/null && plain='setarch -R'
	if ASAN_OPTIONS=detect_leaks=1 $plain \
	    "$B/tests/unit/base_text_test" 2>&1 |
	    grep -q 'LeakSanitizer has encountered a fatal'; then
		echo 'note: leaks cannot be looked for here (no tracing)'
		export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	fi
	;;
esac

for set in "$@"; do
	case $set in
	unit) run_unit ;;
	fuzz) run_fuzz ;;
	cli) run_bats cli ;;
	long) CLI_TIMEOUT=5400 run_bats long ;;
	*) echo "tests/run.sh: unknown set '$set'" >&2; exit 2 ;;
	esac
done
[ -z "$flaky" ] || echo "flaky:$flaky"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
