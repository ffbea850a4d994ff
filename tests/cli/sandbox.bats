# What a running predis-serve may still reach: --sandbox, --model-dir.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	# The folder of the port file may be written, and what is below it.
	OUT=$BATS_TEST_TMPDIR.elsewhere
	mkdir -p models "$OUT"
}
teardown() { stop_serve; }

cli() { redis-cli -p "$PORT" "$@"; }

# A server with everything that the sandbox has, or the test is skipped.
start_boxed() {
	local try
	predis-serve --port 0 --sandbox on --port-file try >try.log 2>&1 3>&- &
	try=$!
	for _ in $(seq 600); do
		[ -s try ] && break
		kill -0 "$try" 2>/dev/null || break
		sleep 0.05
	done
	kill "$try" 2>/dev/null || :
	wait "$try" 2>/dev/null || :
	if grep -q 'this kernel has no' try.log; then
		skip "$(grep -o 'this kernel has no.*' try.log)"
	fi
	start_serve --sandbox on "$@"
}

@test "sandbox: everything that serving needs goes on" {
	echo 'user default on nopass ~* &* +@all' >users
	echo 'maxmemory 10M' >conf
	start_boxed --aclfile users --config conf --unixsocket sock --tap ./tap
	[ "$(cli set k v)" = OK ]
	[ "$(redis-cli -s sock get k)" = v ]
	[ "$(cli acl setuser acme on nopass '~acme:*' +get)" = OK ]
	[ "$(cli acl save)" = OK ]
	grep -q '^user acme' users
	[ "$(cli acl load)" = OK ]
	[ "$(cli config set slowlog-max-len 7)" = OK ]
	[ "$(cli config rewrite)" = OK ]
	grep -qx 'set slowlog-max-len=7' conf
	[ "$(cli info memory | tr -d '\r' | sed -n 's/^used_memory_rss://p')" -gt 100000 ]
	stop_serve
	[ ! -e sock ]
	[ ! -e port ]
	grep -q 'sandbox: Landlock .* seccomp' serve.log
}

@test "sandbox: models are read where it was said, nowhere else" {
	echo x >models/a.pdm
	echo x >"$OUT/a.pdm"
	start_boxed --model-dir models
	# Both are no models: one is read and found wrong, the other not opened.
	[[ $(cli predis.model load "$PWD/models/a.pdm") != *Permission* ]]
	[[ $(cli predis.model load "$OUT/a.pdm") == *Permission\ denied* ]]
	[[ $(cli predis.model load /etc/passwd) == *Permission\ denied* ]]
	ln -s "$OUT/a.pdm" models/link.pdm
	[[ $(cli predis.model load "$PWD/models/link.pdm") == *Permission\ denied* ]]
	stop_serve
	rm -f port
	start_serve
	[[ $(cli predis.model load "$OUT/a.pdm") != *Permission* ]]
}

@test "sandbox: files are written where it was said, nowhere else" {
	mkdir conf.d
	echo 'maxmemory 10M' >conf.d/conf
	start_boxed --config conf.d/conf
	[ "$(cli config set slowlog-max-len 7)" = OK ]
	[ "$(cli config rewrite)" = OK ]
	# The file becomes a link out of the box while the server runs.
	mv conf.d/conf "$OUT/conf"
	ln -s "$OUT/conf" conf.d/conf
	[ "$(cli config set slowlog-max-len 8)" = OK ]
	[[ $(cli config rewrite) == *Permission\ denied* ]]
	grep -qx 'set slowlog-max-len=7' "$OUT/conf"
	[ "$(ls "$OUT")" = conf ]
}

@test "sandbox: wrong modes, and off" {
	run -2 --separate-stderr predis-serve --sandbox maybe
	[[ $stderr == *auto,\ on\ or\ off* ]]
	start_serve --sandbox off
	[ "$(cli ping)" = PONG ]
	run ! grep -q sandbox: serve.log
	# As whoever started it.
	[ "$(grep ^NoNewPrivs: "/proc/$PID/status")" = \
	    "$(grep ^NoNewPrivs: "/proc/$$/status")" ]
}
