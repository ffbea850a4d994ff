#!/bin/sh
# Installs the Debian packages that are missing: share/deps.sh PART...
# Parts: build (to compile), demo (to run the demo), test (to run the tests),
# lint (to run `make lint`), npm (a client from the npm registry), bench (what
# the benchmarks compare with and count by; tests that need it skip without).
# Says which packages it installs; as root with apt-get, else by sudo; when it
# can do neither it prints the command to run and exits 2. Services of what it
# installs neither start now nor at the next boot.
set -u
packages() {
	case $1 in
	build)
		echo libc6-dev zlib1g-dev libjansson-dev libarchive-dev \
		    libsodium-dev libxxhash-dev libhiredis-dev
		[ "${MLOPS_ENABLED:-1}" = 1 ] && echo libxgboost-dev
		[ "${TLS:-1}" = 1 ] && echo libssl-dev
		[ "${KAFKA:-0}" = 1 ] && echo librdkafka-dev
		[ "${CUDA:-0}" = 1 ] && echo g++
		;;
	demo) echo redis-server ;;
	test)
		echo libcmocka-dev bats jq mandoc redis-server redis-tools \
		    python3 python3-redis minisign netcat-openbsd openssl
		;;
	lint) echo clang clang-tidy libclang-rt-14-dev shellcheck mandoc ;;
	npm) echo nodejs npm ;;
	bench) echo memcached valgrind redis-server redis-tools python3-numpy ;;
	*)
		echo "share/deps.sh: unknown part '$1'" >&2
		exit 2
		;;
	esac
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "predis: no apt-get here: install what INSTALL lists by hand" >&2
	exit 0
fi
missing=
for part in "$@"; do
	for p in $(packages "$part"); do
		case " $missing " in *" $p "*) continue ;; esac
		s=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)
		[ "$s" = installed ] || missing="$missing $p"
	done
done
[ -n "$missing" ] || exit 0

echo "predis: these Debian packages are missing:"
echo "   $missing"
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
	sudo=sudo
else
	echo "predis: cannot install them: not root, and no sudo. Run as root:" >&2
	echo "    apt-get install$missing" >&2
	exit 2
fi
echo "predis: installing them with apt-get"
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
# Servers for tests and demo: their services must not start by themselves, which
# packages ask this program before they do.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$sudo rm -f $policy; rm -f "$log"' EXIT
	trap 'exit 2' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null &&
	    $sudo chmod 755 $policy
fi
apt() {
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
	    "$@" >"$log" 2>&1
}
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
	echo "predis: refreshing the package lists first"
	# shellcheck disable=SC2086
	if ! apt update || ! apt install --no-install-recommends $missing; then
		tail -n 15 "$log" >&2
		echo "predis: apt-get failed; the last lines are above" >&2
		exit 2
	fi
fi
for p in redis-server memcached; do
	case "$missing " in
	*" $p "*)
		command -v systemctl >/dev/null &&
		    $sudo systemctl -q disable $p.service 2>/dev/null
		;;
	esac
done
echo "predis: installed"
