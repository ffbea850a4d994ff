# PREDIS.STATS HOTKEYS: the keys that are asked for most.

bats_require_minimum_version 1.5.0

setup() { load ../lib/common; }
teardown() { stop_serve; }

cli() { redis-cli -p "$PORT" "$@"; }
# field NAME: the line after NAME, of the first key in a reply.
field() { sed -n "/^$1\$/{n;p;q;}"; }
# ask: 3000 reads, of which every third is of "acme:hot", 50 of each other.
ask() {
	awk 'BEGIN {
		for (i = 0; i < 3000; i++)
			print "GET " (i % 3 ? "cold:" i % 40 : "acme:hot")
	}' | cli >/dev/null
}

@test "hot keys are shown with their rate, error and share" {
	start_serve --key-file key
	cli set acme:hot v
	ask
	cli predis.stats hotkeys 1 >reply
	[ "$(field key <reply)" = acme:hot ]
	[ "$(field key_bytes <reply)" = 8 ]
	[ "$(field db <reply)" = 0 ]
	field share <reply | awk '{exit !($1 > 0.25 && $1 < 0.42)}'
	[ "$(grep -c '^key$' reply)" -eq 1 ]
	# The hash is the one of streams.
	printf 'time,key,size,op\n1,acme:hot,1,get\n' >t.csv
	hash=$(predis-sample import --key-file key t.csv |
	    predis-sample print --json | jq -r .key)
	[ "$(field key_hash <reply)" = "$hash" ]
	# Ten where no number is given, and no more than 64.
	cli predis.stats hotkeys >reply
	[ "$(grep -c '^key$' reply)" -le 10 ]
	run cli predis.stats hotkeys 65
	[[ $output == *"1 to 64"* ]]
	run cli predis.stats hotkeys 0
	[[ $output == *"1 to 64"* ]]
	run cli predis.stats hotkeys many
	[[ $output == *"not an integer"* ]]
	run cli predis.stats hotkeys 1 2
	[[ $output == *"syntax error"* ]]
	run cli predis.stats coldkeys
	[[ $output == *"syntax error"* ]]
}

@test "hot keys in several loops are one list, as in any database" {
	start_serve --threads 2
	# As few as these are told of every one.
	cli -n 5 -r 20 get elsewhere >ignored
	local asking=()
	for i in 1 2 3 4; do
		ask &
		asking+=($!)
	done
	wait "${asking[@]}"
	cli predis.stats hotkeys 64 >reply
	[ "$(field key <reply)" = acme:hot ]
	[ "$(grep -cx acme:hot reply)" -eq 1 ]
	field share <reply | awk '{exit !($1 > 0.25 && $1 < 0.42)}'
	grep -A 6 -x elsewhere reply | field db | grep -qx 5
}

@test "key bytes are for who has the whole category and may read the key" {
	start_serve
	ask
	cli acl setuser some on nopass '~*' +predis.stats
	cli acl setuser other on nopass '~else:*' +@predis
	cli acl setuser ops on nopass '~acme:*' +@predis
	for user in some other; do
		redis-cli -p "$PORT" --user "$user" --pass x --no-auth-warning \
		    predis.stats hotkeys 1 >reply
		run ! grep acme reply
		[ "$(field key_bytes <reply)" = 8 ]
		field key_hash <reply | grep -qE '^[0-9a-f]{16}$'
	done
	redis-cli -p "$PORT" --user ops --pass x --no-auth-warning \
	    predis.stats hotkeys 1 >reply
	[ "$(field key <reply)" = acme:hot ]
	run ! grep acme:hot "$BATS_TEST_TMPDIR/serve.log"
}

# A reader of the tap, and more events than the budget allows, until the rate
# is lower than what was asked for.
@test "more events than the budget lower the rate, and headers say so" {
	start_serve --tap "$PWD/tap.sock" --tap-rate 50% --tap-budget 40
	predis-sample tap -o got.pds "$PWD/tap.sock" 3>&- &
	reader=$!
	wait_for tapped 1
	in_force() { cli predis.tap info | field rate_in_force; }
	seq 1 2000 | sed 's/^/GET k/' >gets
	lowered() {
		cli <gets >ignored
		in_force | awk '{ exit !($1 < 0.5) }'
	}
	[ "$(in_force)" = 0.5 ]
	wait_for lowered
	[ "$(cli predis.tap info | field rate)" = 0.5 ]
	[ "$(cli predis.tap info | field budget_per_second)" = 40 ]
	grep -q 'with a budget of 40 a second: the rate is' \
	    "$BATS_TEST_TMPDIR/serve.log"
	# What the operator asks for is what there is, until the next second.
	cli config set tap-budget 0
	cli predis.tap rate 0.25
	[ "$(in_force)" = 0.25 ]
	cli <gets >ignored
	stop_serve # it hands over what the reader still has to get
	wait "$reader"
	predis-sample print --headers --json got.pds |
	    jq -r '.header.sampling.rate | numbers' >rates
	[ "$(head -n 1 rates)" = 0.5 ]
	[ "$(tail -n 1 rates)" = 0.25 ]
	awk 'NR > 1 && $1 < 0.25 { n++ } END { exit !(n > 0) }' rates
}
