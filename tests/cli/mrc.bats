# predis-sample mrc: miss-ratio curves of LRU from sampled streams.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	web="$TOP/share/traces/web07.csv.gz"
}
teardown() { stop_serve; }

# ratios: the miss ratios of a curve on standard input.
ratios() { sed 1d | cut -f 3; }
# near LIMIT: do two columns of numbers differ by LIMIT at most on average?
near() {
	awk -v limit="$1" '{ d = $1 - $2; s += d < 0 ? -d : d }
	    END { exit !(NR > 0 && s / NR <= limit) }'
}

@test "all keys: the curve that predis-replay gives" {
	predis-sample mrc --at 1%,10%,30%,5000 "$web" >mrc
	predis-replay -p lru --mrc -s 1%,10%,30%,5000 "$web" >replay
	head -n 1 mrc | grep -qx \
	    'size_objects	share	miss_ratio	byte_miss_ratio	miss_ratio_error'
	sed 1d mrc | cut -f 1 >a
	sed 1d replay | cut -f 3 >b
	cmp a b
	paste <(ratios <mrc) <(sed 1d replay | cut -f 4) | near 0.0001
	cut -f 5 mrc | sed 1d | sort -u | grep -qx 0.000000
}

@test "a tenth of the keys: within the error that is told" {
	predis-sample mrc --at 205,2048,6145 "$web" | ratios >true
	predis-sample import --rate 10% "$web" >s.pds
	predis-sample mrc --at 205,2048,6145 s.pds >got
	error=$(sed -n 2p got | cut -f 5)
	paste true <(ratios <got) | near "$error"
	# From a pipe, in two files, and with the cut of a further sampling.
	predis-sample mrc --at 205,2048,6145 <s.pds | cmp - got
	predis-sample cat --to-us 40000000000 s.pds >a.pds
	predis-sample cat --from-us 40000000001 s.pds >b.pds
	predis-sample mrc --at 205,2048,6145 a.pds b.pds | cmp - got
	predis-sample mrc --json --max-keys 1500 --at 10% s.pds >few
	fits sample-mrc <few
	jq -e '.tracked_keys <= 1500 and .tracked_keys >= 750 and
	    .sampling_rate < 0.1 and .accesses > 70000 and .accesses < 80000' few
}

@test "bytes, JSON and a plot" {
	awk 'BEGIN { print "time,key,size,op"; for (i = 0; i < 9000; i++)
		print i ",k" (i * i) % 997 "," 1 + i % 7 ",get" }' >t.csv
	predis-sample mrc -b --json t.csv >out
	fits sample-mrc <out
	[ "$(wc -l <out)" -eq 32 ]
	jq -e -s 'map(.miss_ratio) | . == (sort | reverse)' out
	jq -e -s 'map(.size_bytes) | . == sort' out
	predis-sample mrc --plot t.csv >plot
	grep -q 'Misses of LRU' plot
	grep -q 'expected error 0.000' plot
	# The last size has room for all: what is asked for first is missed.
	predis-sample mrc --json t.csv | tail -n 1 |
	    jq -e '.share == 1 and (.miss_ratio * 9000 - .keys | fabs) < 1'
}

@test "too few keys, none, and streams that know no distances" {
	predis-sample import --rate 1% "$web" >s.pds
	run -3 --separate-stderr predis-sample mrc s.pds
	[ -z "$output" ]
	[[ $stderr == *"keys are too few: an error of 0.0"* ]]
	predis-sample mrc --max-error 20% --at 10% s.pds
	printf 'time,key,size,op\n' >none.csv
	run -3 predis-sample mrc none.csv
	for by in event window; do
		predis-sample import --by "$by" --rate 50% "$web" >s.pds
		run -2 --separate-stderr predis-sample mrc s.pds
		[[ $stderr == *"sampled by $by"*"record with --by key"* ]]
	done
	run -2 predis-sample mrc --at 0 "$web"
	run -2 predis-sample mrc --at 1%,,2% "$web"
	run -2 predis-sample mrc --max-keys 5 "$web"
	run -2 predis-sample mrc --json --plot "$web"
	run -2 predis-sample mrc --time-unit days "$web"
}

@test "a damaged stream: the curve of what is left, and exit 1" {
	predis-sample import "$web" >s.pds
	printf x | dd of=s.pds bs=1 seek=60000 conv=notrunc status=none
	run -1 --separate-stderr predis-sample mrc --at 10% s.pds
	[[ $output == *size_objects* ]]
	[[ $stderr == *"damaged part"* ]]
}

@test "a live tap" {
	start_serve --tap "$PWD/tap.sock" --tap-rate 1 --maxobjects 100000
	(predis-sample tap -n 5000 -0 "$PWD/tap.sock" | predis-sample mrc \
	    --json --at 10%,100% >out) 3>&- &
	reader=$!
	wait_for tapped 1
	awk 'BEGIN { for (i = 0; i < 6000; i++) print "GET k" (i * i) % 499 }' |
	    redis-cli -p "$PORT" >ignored
	wait "$reader"
	fits sample-mrc <out
	jq -e -s '.[0].miss_ratio > .[1].miss_ratio and
	    .[0].accesses == 5000 and .[0].keys < 499' out
}

@test "a live tap of several schemes: --scheme key" {
	start_serve --tap "$PWD/tap.sock" --tap-rate key=50%,event=50% \
	    --maxobjects 100000
	predis-sample tap -o s.pds "$PWD/tap.sock" 3>&- &
	reader=$!
	wait_for tapped 1
	awk 'BEGIN { for (i = 0; i < 6000; i++) print "GET k" (i * i) % 4001 }' |
	    redis-cli -p "$PORT" >ignored
	stop_serve
	wait "$reader"
	run -2 --separate-stderr predis-sample mrc s.pds
	[[ $stderr == *"choose with --scheme"* ]]
	predis-sample mrc --scheme key --json --at 100% s.pds >out
	fits sample-mrc <out
	jq -e '.sampling_rate == 0.5 and .parts == 1 and
	    .accesses > 5900 and .accesses < 6100 and
	    .keys > 1700 and .keys < 2300' out
}
