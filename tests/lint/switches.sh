#!/bin/sh
# Each build switch builds and passes its tests without the others. What is the
# same program to the byte with two switches runs once.
set -u
cd "$(dirname "$0")/../.." || exit 2
KAFKA=1 sh share/deps.sh build test || exit 2
seen=$(mktemp) || exit 2
log=$(mktemp) || exit 2
trap 'rm -f "$seen" "$log"' EXIT
PASSED=${PASSED:-$seen}
export PASSED B=build-switch
# CUDA=1 needs NVIDIA's compiler, which Debian does not have.
cuda="MLOPS_ENABLED=1 TLS=0 KAFKA=0 CUDA=1"
if ! command -v "${NVCC:-nvcc}" >/dev/null; then
	echo "== $cuda: skipped: no ${NVCC:-nvcc} on PATH"
	cuda=
fi
bad=0
for sw in "MLOPS_ENABLED=0 TLS=0 KAFKA=0" "MLOPS_ENABLED=1 TLS=0 KAFKA=0" \
    "MLOPS_ENABLED=0 TLS=1 KAFKA=0" "MLOPS_ENABLED=0 TLS=0 KAFKA=1" \
    ${cuda:+"$cuda"}; do
	echo "== $sw"
	# Objects stay, programs go: none of another switch is left.
	rm -rf $B/predis-* $B/tests/unit/*_test $B/tests/gpu
	# shellcheck disable=SC2086
	if ! make --no-print-directory -j"$(nproc)" B=$B DEVELOPER=1 $sw \
	    all check-build >"$log" 2>&1; then
		cat "$log"
		echo "not ok 1 - build with $sw"
		bad=1
		continue
	fi
	sh tests/run.sh unit || bad=1
	case $sw in
	*CUDA=1) T=gpu sh tests/run.sh cli || bad=1 ;;
	"MLOPS_ENABLED=0 TLS=0 KAFKA=0")
		# The tests of programs that are not there, or are others.
		for t in $(grep -lE 'predis-retrain|MLOPS|TLS|PROGRAMS' \
		    tests/cli/*.bats); do
			T=$(basename "$t" .bats) sh tests/run.sh cli || bad=1
		done
		;;
	esac
done
rm -rf $B
exit $bad
