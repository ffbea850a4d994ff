#!/bin/sh
# make lint: layers, warnings as errors, clang-tidy, shellcheck, man pages.
# Prints one TAP line a check; exit 1 when one fails.
set -u
cd "$(dirname "$0")/../.." || exit 2
sh share/deps.sh build test lint || exit 2
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
n=0 bad=0
# The checkout may belong to somebody else, which git refuses by itself.
git() { command git -c safe.directory='*' "$@"; }
check() { # NAME COMMAND...
	name=$1
	shift
	n=$((n + 1))
	if "$@" >"$out" 2>&1; then
		echo "ok $n - $name"
	else
		cat "$out"
		echo "not ok $n - $name"
		bad=1
	fi
}
warnings() {
	make --no-print-directory -j"$(nproc)" B=build-lint DEVELOPER=1 \
	    OPT=-O2 all check-build
}
headers() { # each header compiles alone
	for h in lib/*/*.h; do
		case $h in *_table.h) continue ;; esac
		${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -Wall \
		    -fsyntax-only -x c "$h" || return 1
	done
}
# shellcheck disable=SC2016
tidy_one='f=$1; clang-tidy --quiet "$f" -- -std=c11 \
    -D_POSIX_C_SOURCE=200809L -Ilib -DPD_VERSION="\"0\"" -DPD_MLOPS=1 \
    -DPD_TLS=1 -DPD_KAFKA=0 -DPD_CUDA=0 2>/dev/null'
tidy() {
	git ls-files 'lib/*.c' 'bin/*.c' |
	    xargs -P "$(nproc)" -n 1 sh -c "$tidy_one" tidy
}
scripts() {
	git ls-files '*.sh' .ci/run | xargs shellcheck -S warning -x
	r=$?
	git ls-files '*.bats' '*.bash' | xargs shellcheck -S warning -s bash -x \
	    -e SC1090,SC1091,SC2030,SC2031,SC2034,SC2154,SC2314,SC2315 || r=1
	return "$r"
}
pages() { mandoc -T lint -W warning man/*.[1-8]; }
words() { # nothing of a machine's own in the tree
	git rev-parse HEAD || return 1 # else nothing found means nothing
	! git grep -nE '/(work|home|root)/|\b(TODO|FIXME|XXX)\b' -- \
	    ':!tests/lint/run.sh' ':!*.gz' ':!tests/golden'
}
check 'layers: no include climbs' sh tests/lint/layers.sh
check 'warnings are errors' warnings
check 'every header compiles alone' headers
check 'clang-tidy' tidy
check 'shellcheck' scripts
check 'mandoc lint' pages
check 'no leftovers in the tree' words
exit $bad
