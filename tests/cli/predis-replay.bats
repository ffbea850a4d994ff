# predis-replay: simulation against reference figures, and real servers.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	WEB07=$TOP/share/traces/web07.csv.gz
}

teardown() {
	stop_redis
	stop_serve
}

# start_redis [OPTION...]: a redis-server on a Unix socket; sets SOCK.
start_redis() {
	command -v redis-server >/dev/null || skip "no redis-server"
	SOCK=$BATS_TEST_TMPDIR/redis.sock
	redis-server --port 0 --unixsocket "$SOCK" --save '' \
	    --appendonly no --dir "$BATS_TEST_TMPDIR" "$@" \
	    >redis.log 2>&1 3>&- &
	REDIS=$!
	wait_for redis-cli -s "$SOCK" ping
}

stop_redis() {
	[ -n "${REDIS:-}" ] || return 0
	kill "$REDIS" 2>/dev/null
	wait "$REDIS" 2>/dev/null
	REDIS=
}

# small: a csv of 12 requests; LRU of 3 misses 10, of 4 misses 8 (textbook).
small() {
	echo time,key,size,op
	for k in 1 2 3 4 1 2 5 1 2 3 4 5; do
		n=$((${n:-0} + 1))
		echo "$n,$k,10,get"
	done
}

# field NAME: that key of JSON lines.
field() { jq -r ".$1"; }

# figures: JSON lines without what a clock gave.
figures() { jq -c 'del(.seconds, .ns_per_request, .training_seconds)'; }

@test "web07 equals the reference figures" {
	run sh "$TOP/tests/lib/compare-replay.sh" \
	    "$TOP/tests/golden/replay/web07.csv" "$WEB07"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c ' 3 cells' <<<"$output")" -ge 12 ]
}

@test "the smaller development traces equal the reference figures" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	set --
	for t in "$d"/*.csv.gz; do
		case $t in *orm_night* | *arc_p3*) ;; *) set -- "$@" "$t" ;; esac
	done
	run sh "$TOP/tests/lib/compare-replay.sh" "$d/miss-ratios.csv" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "columns: names first, tabs between, one row for each policy and size" {
	small >t.csv
	predis-replay -p lru,fifo -s 3 -s 4 t.csv >out
	printf 'trace\tpolicy\tsize_objects\trequests\tmisses\tmiss_ratio\tbyte_miss_ratio\tseconds\tns_per_request\tevictions\tpolicy_bytes\tpolicy_bytes_per_object\tgap_closed\n' |
	    cmp - <(head -n 1 out)
	cut -f 1-7 out | tail -n +2 >rows
	printf '%s\n' "t lru 3 12 10 0.833333 0.833333" \
	    "t fifo 3 12 9 0.750000 0.750000" \
	    "t lru 4 12 8 0.666667 0.666667" \
	    "t fifo 4 12 10 0.833333 0.833333" | tr ' ' '\t' | cmp - rows
}

@test "--json: the keys, as numbers and text" {
	small >t.csv
	predis-replay --json -p lru -s 3 t.csv >out
	[ "$(jq -c keys_unsorted out)" = '["trace","policy","size_objects","requests","misses","miss_ratio","byte_miss_ratio","seconds","ns_per_request","evictions","policy_bytes","policy_bytes_per_object","gap_closed"]' ]
	[ "$(jq -c '[.trace, .size_objects, .misses]' out)" = '["t",3,10]' ]
	predis-replay --json --bytes -p lru -s 30 t.csv >out
	[ "$(jq -c '[.size_bytes, .misses]' out)" = '[30,10]' ]
}

@test "--policy all simulates everything that --list-policies names" {
	small >t.csv
	predis-replay --list-policies | cut -f 1 | grep -vx learned >names
	predis-replay -p all -s 2 t.csv | tail -n +2 | cut -f 2 | cmp names -
	[ "$(wc -l <names)" -ge 16 ]
	grep -qx belady names
	predis-replay -p learned -s 3 -j t.csv | field misses >learned
	[ "$(cat learned)" -eq 10 ] # no model: LRU
}

@test "sizes in percent are shares of the unique objects or bytes, rounded" {
	small >t.csv
	[ "$(predis-replay -p lru -s 50%,1/5 -j t.csv | field size_objects |
	    paste -sd,)" = 3,1 ]
	[ "$(predis-replay -p lru -b -s 50% -j t.csv | field size_bytes)" = 25 ]
	[ "$(predis-replay -p lru -b -s 1k -j t.csv | field size_bytes)" = 1024 ]
	[ "$(predis-replay -p lru -j "$WEB07" | field size_objects)" = 2048 ]
}

@test "gap_closed, evictions and the bytes of a policy" {
	small >t.csv
	predis-replay -p lru,fifo,belady -s 3 -j t.csv >out
	# LRU 10, FIFO 9, Belady 7 misses; 3 objects stay
	[ "$(jq -sc 'map([.misses, .gap_closed, .evictions])' out)" = \
	    '[[10,0,7],[9,0.3333,6],[7,1,4]]' ]
	[ "$(jq -sc 'map(.policy_bytes == null)' out)" = '[false,false,true]' ]
	jq -s -e 'map(select(.policy_bytes != null)) | all(
	    (.policy_bytes / 3 - .policy_bytes_per_object | fabs) <= 0.05)' out
	jq -s -e 'all(.ns_per_request > 0)' out
	predis-replay -p lru,fifo -s 3 -j t.csv | jq -s -e 'all(.gap_closed == null)'
	predis-replay -p lru,belady -s 3 t.csv | tail -n 1 | cut -f 10-13 |
	    grep -qx "$(printf '4\t-\t-\t1.0000')"
}

@test "--jobs: the same rows in the same order, whatever the number" {
	for n in 1 4; do
		predis-replay --jobs $n -p all -s 1%,10%,50 -j "$WEB07" |
		    figures >rows.$n
	done
	[ "$(wc -l <rows.1)" -ge 48 ]
	cmp rows.1 rows.4
	run -2 --separate-stderr predis-replay --jobs 257 "$WEB07"
	[[ $stderr == *"--jobs"* ]]
}

@test "--jobs: a failure stops the run, with one message and no half of a size" {
	predis-retrain --version >/dev/null || skip 'built without MLOPS_ENABLED'
	predis-sample import --format csv --time-unit seq "$WEB07" >once.pds
	cat once.pds once.pds >twice.pds # two shards, one behind the other
	run -2 --separate-stderr predis-replay --jobs 3 --train-on 60% \
	    -p lru,fifo,learned -s 100 -s 1% -j twice.pds
	[ -z "$output" ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr == *"ticks do not ascend"* ]]
}

@test "--window: windows add up to the whole, and end where they should" {
	predis-replay -p lru,s3fifo,belady -s 1% -f 30% --window 10000 -j "$WEB07" >w
	predis-replay -p lru,s3fifo,belady -s 1% -f 30% -j "$WEB07" >all
	jq -sc 'group_by(.policy) | map([.[0].policy, (map(.requests) | add),
	    (map(.misses) | add)]) | sort' w >sums
	jq -sc 'map([.policy, .requests, .misses]) | sort' all | cmp sums -
	jq -s -e 'map(select(.policy == "lru")) |
	    map(.window) == [0,1,2,3,4,5] and
	    map(.from_request) == [0,10000,20000,30000,40000,50000] and
	    map(.requests) == [10000,10000,10000,10000,10000,3283] and
	    all(.ruling == "lru")' w
	head -n 1 <(predis-replay --window 5 -p lru -s 3 "$WEB07") >title
	printf 'trace\tpolicy\tsize_objects\twindow\tfrom_request\trequests\tmisses\tmiss_ratio\tbyte_miss_ratio\truling\n' |
	    cmp - title
	# deletions are in no window
	printf 'time,key,size,op\n1,a,1,get\n2,a,1,del\n3,a,1,get\n4,a,1,get\n5,b,1,get\n' >d.csv
	predis-replay --window 2 -p lru -s 5 -j d.csv >out
	[ "$(jq -sc 'map([.requests, .misses])' out)" = '[[2,2],[2,1]]' ]
	run -2 predis-replay --window -1 "$WEB07"
	run -2 --separate-stderr predis-replay --server 127.0.0.1:1 --window 5 "$WEB07"
	[[ $stderr == *"--window"* ]]
}

@test "--join: one cache over both, keys kept apart, the first as it was" {
	small >t.csv
	small >u.csv
	predis-replay --join -p lru -s 100% -j t.csv u.csv >out
	[ "$(jq -c '[.trace, .size_objects, .requests, .misses]' out)" = \
	    '["t+u",10,24,10]' ]
	predis-replay --join --window 12 -p lru -s 4 -j t.csv u.csv >out
	[ "$(jq -sc 'map(.misses)' out)" = '[8,8]' ]
	# a policy's state goes over: the second is not begun with an empty cache
	predis-replay --join -p lru,fifo -s 20 -j "$WEB07" t.csv >out
	[ "$(jq -s 'map(.requests) | unique' out -c)" = '[76130]' ]
	predis-sample import --format csv t.csv >full.pds
	predis-sample import --format csv --by key --rate 0.5 -o half.pds "$WEB07"
	run -2 --separate-stderr predis-replay --join half.pds full.pds
	[[ $stderr == *"of its keys"* ]]
	run -2 --separate-stderr predis-replay --join --server 127.0.0.1:1 t.csv u.csv
	[[ $stderr == *"--join"* ]]
	run -2 --separate-stderr predis-replay --join t.csv nonesuch.csv
	[[ $stderr == *"nonesuch"* ]]
}

@test "--mrc: at each capacity what a simulation of it says, and LRU never rises" {
	predis-replay --mrc --points 12 -p lru,arc,belady -f 20% -j "$WEB07" >mrc
	sizes=$(jq -r 'select(.policy == "arc") | .size_objects' mrc | paste -sd,)
	predis-replay -s "$sizes" -p lru,arc,belady -f 20% -j "$WEB07" >sim
	for f in mrc sim; do
		jq -c '[.policy, .size_objects, .requests, .misses, .miss_ratio]' $f
	done | sort | uniq -c | awk '$1 != 2 { bad = 1 } END { exit bad || NR != 36 }'
	jq -s -e 'map(select(.policy == "lru")) | map(.misses) as $m |
	    length == 12 and .[0].size_objects == 20 and
	    .[11].size_objects == 20484 and all(.method == "stack") and
	    all(range(1; 12); $m[.] <= $m[. - 1])' mrc
	jq -s -e 'map(select(.policy != "lru")) |
	    all(.method == "simulated" and .miss_ratio_error == 0)' mrc
	# --size names the capacities; in any order, twice the same once
	predis-replay --mrc -s 50%,7,7 -p lru -j "$WEB07" >out
	[ "$(jq -sc 'map(.size_objects)' out)" = '[7,10242]' ]
	# with sizes of objects LRU is simulated
	predis-replay --mrc --points 3 -b -p lru -j "$WEB07" >out
	[ "$(jq -r .method out | sort -u)" = simulated ]
	printf 'trace\tpolicy\tsize_objects\tmiss_ratio\tbyte_miss_ratio\tmethod\tsampling_rate\tmiss_ratio_error\trequests\tmisses\n' |
	    cmp - <(predis-replay --mrc --points 2 -p lru "$WEB07" | head -n 1)
}

@test "--mrc: a large trace by samples, near the truth and the error told" {
	# 600,000 requests, popularity falling as 1/rank^0.8 about
	awk 'BEGIN { srand(5); print "time,key,size,op"; for (i = 0; i < 600000; i++)
	    print i "," int(60000 * rand() ^ 5) ",1,get" }' >zipf.csv
	predis-replay --mrc -s 3000,6000,20000 -p lru,s3fifo -j zipf.csv >sampled
	predis-replay --mrc --exact -s 3000,6000,20000 -p lru,s3fifo -j zipf.csv >exact
	[ "$(jq -sc 'map(select(.policy == "s3fifo") | [.method, .sampling_rate])' sampled)" = \
	    '[["simulated",null],["sampled",0.5],["sampled",0.125]]' ]
	[ "$(jq -r .method exact | sort -u | paste -sd,)" = simulated,stack ]
	jq -s -e --slurpfile e exact 'to_entries | all(
	    (.value.miss_ratio - $e[.key].miss_ratio | fabs) <=
		0.005 + 4 * .value.miss_ratio_error)' sampled
	jq -s -e 'map(select(.method == "sampled")) | all(.miss_ratio_error > 0 and
	    .miss_ratio_error < 0.02)' sampled
}

# lines FILE: the names in the titles of an SVG's lines.
lines() {
	python3 -c 'import sys, xml.etree.ElementTree as t
n = "{http://www.w3.org/2000/svg}"
for g in t.parse(sys.argv[1]).iter(n + "g"):
    print(g.find(n + "title").text, g.find(n + "path").get("d").count(" ") - 0)' "$1"
}

@test "--svg: well-formed, alone, with every line and all of its points" {
	predis-replay --mrc --points 6 -p lru,fifo,belady --svg m.svg "$WEB07" >rows
	[ "$(wc -l <rows)" -eq 19 ] # the rows are printed all the same
	[ "$(lines m.svg | sort)" = "$(printf '%s\n' 'belady 6' 'fifo 6' 'lru 6')" ]
	run ! grep -E '<script|href|url\(|@import' m.svg
	grep -q 'prefers-color-scheme:dark' m.svg
	small >'a<b.csv'
	predis-replay --window 6 --join -p lru,fifo -s 3,4 --svg w.svg 'a<b.csv' "$WEB07" >rows
	[ "$(lines w.svg | cut -d ' ' -f 1 | sort | uniq -c | tr -s ' ' | paste -sd,)" = ' 2 fifo, 2 lru' ]
	[ "$(grep -c 'class="mark"' w.svg)" -eq 4 ] # two files, two capacities
	grep -q 'a&lt;b' w.svg
	run -2 --separate-stderr predis-replay -p lru --svg x.svg "$WEB07"
	[[ $stderr == *"--svg needs --mrc or --window"* ]]
	run -2 predis-replay --mrc --points 2 -p lru --svg x.svg "$WEB07" nonesuch.csv
	[ ! -e x.svg ]
	run -2 --separate-stderr predis-replay --mrc --points 2 -p lru --svg none/x.svg "$WEB07"
	[[ $stderr == *"none/x.svg"* ]]
}

@test "--plot: text of the width that is asked for, in ASCII or braille" {
	COLUMNS=60 predis-replay --mrc --points 6 -p lru,belady --plot "$WEB07" >plot
	[ "$(LC_ALL=C.UTF-8 awk 'length > n { n = length } END { print n }' plot)" -le 60 ]
	run ! grep -P '[^\x20-\x7e]' plot
	grep -q 'a lru' plot
	grep -q 'b belady' plot
	COLUMNS=100 LC_ALL=C.UTF-8 predis-replay --window 9000 -p lru --plot "$WEB07" >plot
	grep -q "$(printf '\342\240')" plot
	run ! grep -q "$(printf '\033')" plot
	run -2 predis-replay --mrc --plot -j "$WEB07"
}

@test "--mrc and its options, used wrongly" {
	run -2 --separate-stderr predis-replay --mrc --window 5 "$WEB07"
	[[ $stderr == *"--mrc cannot be used with --window"* ]]
	run -2 predis-replay --mrc --points 1 "$WEB07"
	run -2 predis-replay --mrc --points 65 "$WEB07"
	run -2 predis-replay --exact "$WEB07"
	run -2 predis-replay --mrc --server 127.0.0.1:1 "$WEB07"
}

@test "--train-on and --retrain are refused with the reason, without training" {
	[ ! -x "$BIN/predis-retrain" ] || skip 'built with MLOPS_ENABLED'
	for o in --train-on=50% --retrain=10000; do
		run -2 --separate-stderr predis-replay $o "$WEB07"
		[[ $stderr == *"MLOPS_ENABLED=0"* ]]
	done
}

@test "--retrain: nothing that comes later changes what came before" {
	[ -x "$BIN/predis-retrain" ] || skip 'built without MLOPS_ENABLED'
	zcat "$WEB07" | head -n 25001 >past.csv
	(cat past.csv; zcat "$WEB07" | sed 1,25001d | head -n 15000) >real.csv
	(cat past.csv; zcat "$WEB07" | sed 1,25001d | head -n 15000 | tac |
	    awk -F, 'BEGIN { OFS = "," } { $1 = 25000 + NR; print }') >turned.csv
	for t in real turned; do
		predis-replay --retrain 8000 --window 5000 -p learned,lru -s 200 \
		    -j $t.csv | jq -c 'del(.trace)' >$t.w
	done
	for t in real turned; do
		jq -c 'select(.from_request < 25000)' $t.w
	done | sort | uniq -c | awk '$1 != 2 { bad = 1 } END { exit bad || NR != 10 }'
	run ! cmp -s real.w turned.w # but later it is another workload
	predis-replay --retrain 8000 -p learned,lru -s 200 -j real.csv >out
	# at 6,000, 12,000, 20,000, 28,000 and 36,000 requests
	jq -s -e '.[0].trainings == 5 and .[0].models >= 1 and
	    .[0].training_seconds > 0 and (.[1] | has("trainings") | not) and
	    .[0].misses != .[1].misses' out
	# and it learned: fewer misses than LRU
	jq -s -e '.[0].misses < .[1].misses' out
	# any name of a file will do
	cp past.csv 'a b+c<.csv'
	predis-replay --retrain 8000 -p learned -s 200 --join 'a b+c<.csv' past.csv >/dev/null
	run -2 --separate-stderr predis-replay --retrain-window 5000 "$WEB07"
	[[ $stderr == *"needs --retrain"* ]]
	small >t.csv
	predis-replay --retrain 5 -p learned -s 3 -j t.csv >out 2>err
	[ "$(jq -c '[.misses, .trainings]' out)" = '[10,0]' ]
	grep -q 'too short to train' err
}

@test "progress: on a terminal only, and never with -q" {
	command -v script >/dev/null || skip 'no script(1)'
	TERM=xterm script -qec "predis-replay -p all -s 1%,10% '$WEB07' 2>&1" tty >/dev/null
	grep -q 'simulating  *[0-9]*%' tty
	TERM=xterm script -qec "predis-replay -q -p all -s 1% '$WEB07'" tty >/dev/null
	run ! grep -q simulating tty
	predis-replay -p all -s 1% "$WEB07" 2>err >/dev/null
	[ ! -s err ]
}

@test "--skip, --from and --to cut the trace" {
	small >t.csv
	predis-replay -p lru -s 4 --from 50% -j t.csv >warm
	predis-replay -p lru -s 4 --to 50% -j t.csv >half
	[ "$(jq -c '[.requests, .misses]' warm)" = '[6,4]' ]
	[ "$(jq -c '[.requests, .misses]' half)" = '[6,4]' ]
	predis-replay -p lru,belady -s 4 --skip 50% -j t.csv >cold
	[ "$(jq -sc 'map(.misses)' cold)" = '[6,5]' ]
}

@test "the seed decides what is drawn" {
	for s in 1 1 2; do
		predis-replay -p random -s 1% --seed $s -j "$WEB07" |
		    field misses
	done >misses
	[ "$(sort -u misses | wc -l)" -eq 2 ]
	[ "$(sed -n 1p misses)" = "$(sed -n 2p misses)" ]
}

@test "wrong usage ends with 2 and says what is wrong" {
	small >t.csv
	run -2 --separate-stderr predis-replay -p nonesuch t.csv
	[[ $stderr == *"unknown policy 'nonesuch'"* ]]
	run -2 --separate-stderr predis-replay
	[[ $stderr == *"missing operand"* ]]
	for s in 0 0% -5 x 200% ''; do
		run -2 --separate-stderr predis-replay -s "$s" t.csv
		[ -z "$output" ]
	done
	run -2 predis-replay --from 60% --to 50% t.csv
	run -2 predis-replay --server 127.0.0.1:1 -p lru t.csv
	run -2 predis-replay --time-unit weeks t.csv
	run -2 predis-replay --model /nonexistent t.csv
	run -2 predis-replay --train-on 50% --from 20% t.csv
	run -2 predis-replay --train-on 50% --model m t.csv
}

@test "a trace that cannot be read does not stop the others" {
	small >t.csv
	printf 'time,key,size,op\n1,a,x,get\n' >bad.csv
	run -2 --separate-stderr predis-replay -p lru -s 3 -j none.csv bad.csv t.csv
	[ "$(field misses <<<"$output")" = 10 ]
	[[ $stderr == *"none.csv"* ]]
	[[ $stderr == *"bad.csv"*2* ]]
	printf 'time,key,size,op\n' >empty.csv
	run -2 --separate-stderr predis-replay empty.csv
	[[ $stderr == *"no request"* ]]
}

@test "standard input, plain and compressed" {
	small | predis-replay -p lru -s 3 -j - >plain
	small | gzip | predis-replay -p lru -s 3 -j - >gz
	[ "$(jq -c '[.trace, .misses]' plain)" = '["stdin",10]' ]
	[ "$(field misses <gz)" = 10 ]
}

@test "a stream gives the same misses as the csv it came from" {
	[ -x "$BIN/predis-sample" ] || skip "no predis-sample"
	predis-sample import --format csv --time-unit seq "$WEB07" >web07.pds
	predis-replay -p lru,s3fifo,arc,lirs,belady -s 1% -j web07.pds >pds
	predis-replay -p lru,s3fifo,arc,lirs,belady -s 1% -j "$WEB07" >csv
	figures <pds >pds.cut
	figures <csv | cmp - pds.cut
}

@test "sampled streams: by key in proportion, by event refused" {
	[ -x "$BIN/predis-sample" ] || skip "no predis-sample"
	predis-sample import --format csv --by key --rate 50% "$WEB07" >key.pds
	predis-replay -p lru -s 2048 -j key.pds >out 2>err
	[ "$(field sampling_rate <out)" = 0.5 ]
	[ "$(field size_objects <out)" = 2048 ]
	jq -e '(.miss_ratio - 0.443351) | fabs < 0.05' out
	grep -q 'at least 2500' err
	predis-sample import --format csv --by event --rate 50% "$WEB07" >event.pds
	run -2 --separate-stderr predis-replay event.pds
	[[ $stderr == *"sampled by event"* ]]
}

@test "--train-on trains, counts behind, and is no worse than LRU" {
	run --separate-stderr predis-replay --train-on 50% -s 10% "$WEB07"
	if [[ $stderr == *"MLOPS_ENABLED=0"* ]]; then
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		return 0
	fi
	predis-replay --train-on 50% -p lru,learned,belady -s 10% -j "$WEB07" >out
	[ "$(jq -sc 'map(.requests) | unique' out)" = '[38059]' ]
	jq -s -e '.[2].misses < .[1].misses and .[1].misses < .[0].misses' out
}

@test "redis-server: what was never asked misses, once" {
	start_redis
	predis-replay --server "$SOCK" --to 20% -j "$WEB07" >out
	jq -e '.policy == "server" and .requests == 15223' out
	# no limit: a miss for each key, as simulated
	predis-replay -p lru -s 100% --to 20% -j "$WEB07" >sim
	[ "$(field misses <out)" = "$(field misses <sim)" ]
	[ "$(field size_objects <out)" = "$(field misses <sim)" ]
	# again, now warm, and with a pipeline
	predis-replay --server "$SOCK" --to 20% -P 50 -j "$WEB07" >again
	[ "$(field misses <again)" = 0 ]
	# under another prefix everything misses again
	predis-replay --server "$SOCK" --to 20% -P 50 --prefix p: \
	    --value-size 33 -j "$WEB07" >prefixed
	[ "$(redis-cli -s "$SOCK" --scan --pattern 'p:*' | wc -l)" = "$(field misses <sim)" ]
	key=$(redis-cli -s "$SOCK" --scan --pattern 'p:*' | head -n 1)
	[ "$(redis-cli -s "$SOCK" strlen "$key")" = 33 ]
}

@test "redis-server: --from plays everything and counts the rest" {
	start_redis
	small >t.csv
	predis-replay --server "$SOCK" --from 50% -j t.csv >out
	[ "$(jq -c '[.requests, .misses]' out)" = '[6,1]' ]
	redis-cli -s "$SOCK" flushall
	predis-replay --server "$SOCK" --skip 50% -j t.csv >out
	[ "$(jq -c '[.requests, .misses]' out)" = '[6,5]' ]
	# deletions are played too
	printf 'time,key,size,op\n1,a,1,get\n2,a,1,get\n3,a,1,del\n4,a,1,get\n' >d.csv
	redis-cli -s "$SOCK" flushall
	for p in 1 10; do
		predis-replay --server "$SOCK" -P $p --prefix $p: -j d.csv
	done >out
	[ "$(jq -sc 'map(.requests)' out)" = '[3,3]' ]
	[ "$(sed -n 1p out | field misses)" = 2 ]
}

@test "redis-server: its errors and its absence are told" {
	small >t.csv
	run -2 --separate-stderr predis-replay --server "$BATS_TEST_TMPDIR/none" t.csv
	[[ $stderr == *"cannot connect"* ]]
	run -2 --separate-stderr predis-replay --server 127.0.0.1:1 t.csv
	[[ $stderr == *"cannot connect to '127.0.0.1:1'"* ]]
	start_redis --requirepass acme
	run -2 --separate-stderr predis-replay --server "$SOCK" t.csv
	[[ $stderr == *NOAUTH* ]]
	echo acme >password
	predis-replay --server "$SOCK" --password-file password t.csv
	echo wrong >password
	run -2 --separate-stderr predis-replay --server "$SOCK" --password-file password t.csv
	[[ $stderr == *AUTH* ]]
	stop_redis
	start_redis --maxmemory 1mb --maxmemory-policy noeviction
	run -2 --separate-stderr predis-replay --server "$SOCK" --value-size 4k "$WEB07"
	[[ $stderr == *"refused SET"*OOM* ]]
	stop_redis
}

@test "redis-server: one that dies is reported" {
	start_redis
	killer() {
		wait_for sh -c "[ \$(redis-cli -s '$SOCK' dbsize) -gt 50 ]"
		kill "$REDIS"
	}
	killer 3>&- &
	run -2 --separate-stderr predis-replay --server "$SOCK" --value-size 1 \
	    "$WEB07" "$WEB07" "$WEB07" "$WEB07"
	[[ $stderr == *"lost the server"* ]]
	wait
	REDIS=
}

# same_as_served POLICY SHARE: that part of web07 through a real server that
# keeps 205 objects misses what the simulation misses.
same_as_served() {
	start_serve --policy "$1" --maxobjects 205
	predis-replay --server "127.0.0.1:$PORT" --value-size 100 --to "$2" \
	    -j "$WEB07" >real
	stop_serve
	rm -f "$BATS_TEST_TMPDIR/port"
	predis-replay -p "$1" -s 205 --to "$2" -j "$WEB07" >sim
	echo "$1: $(jq -c '[.requests, .misses]' real sim | paste -sd' ')"
	[ "$(jq -c '[.requests, .misses]' real)" = \
	    "$(jq -c '[.requests, .misses]' sim)" ]
	[ "$(field size_objects <real)" = 205 ]
}

@test "predis-serve hits exactly as the simulation says" {
	[ -x "$BIN/predis-serve" ] || skip "no predis-serve"
	same_as_served lru 100%
	same_as_served s3fifo 30%
	same_as_served lirs 30%
	same_as_served qdlp 30%
}

@test "what a server's tap recorded gives the misses that it had" {
	[ -x "$BIN/predis-serve" ] || skip "no predis-serve"
	start_serve --policy lru --maxobjects 205 --tap-rate 1 \
	    --tap "$BATS_TEST_TMPDIR/tap.sock"
	predis-sample tap -o tap.pds "$BATS_TEST_TMPDIR/tap.sock" 2>tap.log 3>&- &
	tap=$!
	wait_for tapped 1
	predis-replay --server "127.0.0.1:$PORT" --value-size 100 --to 20% \
	    -j "$WEB07" >real
	stop_serve # it hands over what the tap still has
	wait "$tap"
	predis-replay -p lru -s 205 -j tap.pds >sim
	[ "$(jq -c '[.requests, .misses]' real)" = \
	    "$(jq -c '[.requests, .misses]' sim)" ]
	[ "$(jq '.byte_miss_ratio == .miss_ratio' sim)" = true ]
}

@test "kill -9 of a replay leaves the server whole, and the next one works" {
	start_serve --maxobjects 500
	predis-replay --server "127.0.0.1:$PORT" --value-size 10 \
	    "$TOP/share/traces/web07.csv.gz" >interrupted 3>&- &
	pid=$!
	wait_for sh -c "[ \$(redis-cli -p $PORT dbsize) -gt 50 ]"
	kill -9 "$pid"
	wait "$pid" || [ $? -eq 137 ]
	[ ! -s interrupted ]
	[ "$(redis-cli -p "$PORT" ping)" = PONG ]
	redis-cli -p "$PORT" flushall
	predis-replay -j --server "127.0.0.1:$PORT" --value-size 10 --to 5% \
	    "$TOP/share/traces/web07.csv.gz" >served
	predis-replay -j -p lru -s 500 --to 5% \
	    "$TOP/share/traces/web07.csv.gz" >simulated
	stop_serve
	[ "$(jq .misses served)" = "$(jq .misses simulated)" ]
}

@test "an SVG that cannot be written is told before the simulation" {
	t=$TOP/share/traces/web07.csv.gz
	run -2 --separate-stderr predis-replay --mrc -p lru --svg no/a.svg "$t"
	[ -z "$output" ]
	[[ $stderr == *"no/a.svg"* ]]
	mkdir dir
	run -2 --separate-stderr predis-replay --mrc -p lru --svg dir "$t"
	[ -z "$output" ]
}

@test "what has no effect is refused or noted" {
	t=$TOP/share/traces/web07.csv.gz
	run -2 predis-replay --points 5 "$t"
	run -2 predis-replay --mrc --points 5 -s 10% "$t"
	run -0 --separate-stderr predis-replay --objective cost -p lru "$t"
	[[ $stderr == *"tells no costs"* ]]
}
