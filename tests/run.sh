#!/bin/sh
# Runs tests and counts them: tests/run.sh unit|fuzz|cli|long...
# Environment: B, the build folder; T, a pattern to pick test files by name.
# Ends with a line "N passed, N failed, N skipped"; exit 1 when one failed.
set -u
B=${B:-build}
T=${T:-}
top=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cd "$top" || exit 2
case $B in /*) ;; *) B=$top/$B ;; esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
export B LC_ALL=C TZ=UTC PREDIS_CONFIG=none
export CMOCKA_MESSAGE_OUTPUT=TAP CMOCKA_TEST_ABORT="${CMOCKA_TEST_ABORT:-0}"
case $B in *asan*) CMOCKA_TEST_ABORT=1 ;; esac
unset MAKEFLAGS MAKELEVEL MFLAGS
passed=0 failed=0 skipped=0

# tally NAME STATUS FILE: counts the TAP in FILE; a dead runner is a failure.
tally() {
	# cmocka says "not ok N # SKIP name", bats "ok N name # skip why".
	s=$(grep -ciE '^(not )?ok .*# *skip' "$3")
	p=$(grep -E '^ok ' "$3" | grep -civ '# *skip')
	f=$(grep -E '^not ok ' "$3" | grep -civ '# *skip')
	if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "not ok - $1 ended with status $2"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -gt 0 ]; then
		cat "$3"
		echo "FAILED $1: $f of $((p + f))"
	else
		printf 'ok %-38s %4d passed' "$1" "$p"
		[ "$s" -gt 0 ] && printf ', %d skipped' "$s"
		echo
		grep -iE '^(not )?ok .*# *skip' "$3" | sed 's/^/    /'
	fi
}

run_unit() {
	for t in "$B"/tests/unit/*"$T"*_test; do
		[ -x "$t" ] || continue
		timeout "${UNIT_TIMEOUT:-300}" "$t" >"$work/out" 2>&1
		tally "$(basename "$t")" $? "$work/out"
	done
}

run_fuzz() {
	for t in "$B"/tests/fuzz/*"$T"*_fuzz; do
		[ -x "$t" ] || continue
		n=$(basename "$t" _fuzz)
		set -- tests/fuzz/corpus/"$n"/*
		if timeout 120 "$t" "$@" >"$work/log" 2>&1; then
			echo "ok 1 - $n: $# corpus files" >"$work/out"
		else
			{ cat "$work/log"; echo "not ok 1 - $n"; } >"$work/out"
		fi
		tally "corpus of $n" 0 "$work/out"
	done
}

# run_bats DIR: bats files print TAP; each gets its own temporary folder.
run_bats() {
	for t in tests/"$1"/*"$T"*.bats; do
		[ -e "$t" ] || continue
		timeout "${BATS_FILE_TIMEOUT:-600}" bats --tap "$t" \
		    >"$work/out" 2>&1
		tally "$t" $? "$work/out"
	done
}

for set in "$@"; do
	case $set in
	unit) run_unit ;;
	fuzz) run_fuzz ;;
	cli) run_bats cli ;;
	long) BATS_FILE_TIMEOUT=5400 run_bats long ;;
	*) echo "tests/run.sh: unknown set '$set'" >&2; exit 2 ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
