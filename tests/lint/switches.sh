#!/bin/sh
# Each build switch builds and passes its unit tests without the others.
set -eu
cd "$(dirname "$0")/../.."
KAFKA=1 sh share/deps.sh build test
# CUDA=1 needs NVIDIA's compiler, which Debian does not have.
cuda="MLOPS_ENABLED=1 TLS=0 KAFKA=0 CUDA=1"
if ! command -v "${NVCC:-nvcc}" >/dev/null; then
	echo "== $cuda: skipped: no ${NVCC:-nvcc} on PATH"
	cuda=
fi
for sw in "MLOPS_ENABLED=0 TLS=0 KAFKA=0" "MLOPS_ENABLED=1 TLS=0 KAFKA=0" \
    "MLOPS_ENABLED=0 TLS=1 KAFKA=0" "MLOPS_ENABLED=0 TLS=0 KAFKA=1" \
    ${cuda:+"$cuda"}; do
	echo "== $sw"
	# shellcheck disable=SC2086
	make --no-print-directory -j"$(nproc)" B=build-switch DEVELOPER=1 $sw \
	    all check-build >/dev/null
	B=build-switch sh tests/run.sh unit
	case $sw in
	*CUDA=1) B=build-switch T=gpu sh tests/run.sh cli ;;
	"MLOPS_ENABLED=0 TLS=0 KAFKA=0") B=build-switch sh tests/run.sh cli ;;
	esac
	rm -rf build-switch
done
