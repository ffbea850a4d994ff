# What the scripts of tests/bench begin with; to be read with `.` first.
# shellcheck shell=sh disable=SC2034
#
# Sets $top (the checkout), $B (absolute) and PATH, makes $work and takes it
# away at the end with every process named in $pids.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
B=${B:-build}
case $B in /*) ;; *) B=$top/$B ;; esac
PATH=$B:$PATH
export LC_ALL=C PREDIS_CONFIG=none
work=$(mktemp -d) || exit 2
pids=
end() {
	for p in $pids; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	pids=
}
trap 'end; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM

# want PROGRAM...: without one of them there is nothing to measure.
want() {
	for p; do
		command -v "$p" >/dev/null || { echo "no $p: skipped"; exit 0; }
	done
}
# The middle of numbers, one a line; the lower of two.
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
