bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	printf 'time,key,size,op\n0,a,10,get\n1,b,20,set\n2,a,10,get\n' >t.csv
}

teardown() {
	[ -z "${TAP:-}" ] || kill "$TAP" 2>/dev/null || true
	[ -z "${SERVER:-}" ] || kill "$SERVER" 2>/dev/null || true
	stop_serve
}

# big [N]: a csv of N requests (default 100000) over N/10 keys.
big() {
	awk -v n="${1:-100000}" 'BEGIN { s = 1; for (i = 0; i < n; i++) {
		s = (s * 16807) % 2147483647
		print i / 1000 "," s % (n / 10) "," s % 1000 ",get" } }'
}

# serve FILE [PAUSE]: the stand-in server at the socket "sock".
serve() {
	python3 "$TOP/tests/lib/tap_server.py" sock "$@" 3>&- &
	SERVER=$!
	wait_for test -S sock
}

@test "import and print give the trace back" {
	predis-sample import t.csv -o t.pds
	predis-sample print --csv t.pds >out
	[ "$(head -n 1 out)" = "time_us,tick,key,op,hit,fill,size_bytes,ttl_ms,latency_us,ns,client,weight,shard" ]
	[ "$(cut -d, -f 1,2,4,7 out | tail -n 3 | tr '\n' ' ')" = "0,0,get,10 1000000,1,set,20 2000000,2,get,10 " ]
	[ "$(sed -n 2p out | cut -d, -f 3)" = "$(sed -n 4p out | cut -d, -f 3)" ]
	[ "$(sed -n 2p out | cut -d, -f 3)" != "$(sed -n 3p out | cut -d, -f 3)" ]
	predis-sample print --json t.pds | jq -e -s 'length == 3 and
	    .[1].op == "set" and .[1].size_bytes == 20 and .[2].tick == 2 and
	    (.[0].key | length) == 16'
}

@test "print tells no hits where the header says that they are unknown" {
	printf 'time,key,op,hit\n1,a,get,0\n2,a,get,1\n' >hits.csv
	predis-sample import hits.csv -o known.pds
	predis-sample print --json known.pds >out
	fits event <out
	jq -e -s '[.[].hit] == [false, true]' out
	[ "$(predis-sample print known.pds | cut -f 5 | tr '\n' ' ')" = "0 1 " ]
	predis-sample import t.csv -o unknown.pds
	predis-sample print --json unknown.pds >out
	fits event <out
	jq -e -s 'length == 3 and all(.[]; has("hit") | not)' out
	[ -z "$(predis-sample print unknown.pds | cut -f 5 | tr -d '\n')" ]
}

@test "import takes gzip, standard input and bare frames" {
	predis-sample import t.csv -o a.pds
	gzip -k t.csv
	predis-sample import t.csv.gz -o b.pds
	cmp <(predis-sample print a.pds) <(predis-sample print b.pds)
	predis-sample import -0 - <t.csv >c.pds
	[ "$(head -c 4 c.pds)" = PDS1 ]
	cmp <(predis-sample print a.pds) <(predis-sample print c.pds)
	predis-sample import -0 - <t.csv | predis-sample cat -o d.pds
	cmp <(predis-sample print a.pds) <(predis-sample print d.pds)
}

@test "gzip and zcat accept a stream, and cat joins two" {
	big | predis-sample import - -o big.pds
	predis-sample import t.csv -o t.pds
	gzip -t <big.pds
	python3 -c 'import gzip, sys; gzip.open("big.pds").read()'
	[ "$(zcat <big.pds | head -c 4)" = PDS1 ]
	cat big.pds t.pds >both.pds
	gzip -t <both.pds
	predis-sample verify both.pds
	[ "$(predis-sample print both.pds | wc -l)" -eq 100003 ]
	cmp <(cat <(predis-sample print big.pds) <(predis-sample print t.pds)) \
	    <(predis-sample print both.pds)
	predis-sample info --json both.pds |
	    jq -e '.events == 100003 and .streams == 2 and .end == "marked"'
}

@test "a reader written from predis-stream(5) alone reads the same" {
	big | sed 's/get/set/;n;n' | predis-sample import - -o big.pds
	for f in big.pds "$TOP"/tests/golden/pds/tiny.pds \
	    "$TOP"/tests/golden/pds/tiny-bare.pds; do
		cmp <(predis-sample print "$f") \
		    <(python3 "$TOP/tests/lib/pds_reader.py" <"$f")
	done
}

@test "a stream of an earlier version is still read" {
	for f in tiny tiny-bare; do
		predis-sample print "$TOP/tests/golden/pds/$f.pds" |
		    cmp - "$TOP/tests/golden/pds/tiny.txt"
	done
}

@test "import is reproducible" {
	predis-sample import t.csv -o a.pds
	predis-sample import t.csv -o b.pds
	cmp a.pds b.pds
	predis-sample cat a.pds | cmp - <(predis-sample cat b.pds)
}

@test "import oracle" {
	python3 -c 'import struct, sys
for t, k in ((5, 7), (6, 8), (6, 7)):
	sys.stdout.buffer.write(struct.pack("<IQIq", t, k, 100 + k, -1))' >o
	predis-sample import --format oracle o -o o.pds
	[ "$(predis-sample print o.pds | cut -f 1,2,7 | tr '\t\n' ', ')" = "5000000,0,107 6000000,1,108 6000000,2,107 " ]
	# The same keys in a csv have the same identities.
	printf '5,7,107\n6,8,108\n6,7,107\n' | predis-sample import - |
	    predis-sample print | cmp - <(predis-sample print o.pds)
	head -c 50 o >short
	run -2 predis-sample import --format oracle short -o x.pds
	[[ $output == *"record 2 at byte 48 is cut short"* ]]
	[ ! -e x.pds ]
}

@test "import monitor: what a real redis-cli MONITOR prints" {
	redis-server --port 0 --unixsocket "$PWD/r" --save '' --dir . \
	    >redis.log 3>&- &
	SERVER=$!
	wait_for redis-cli -s r ping
	stdbuf -oL redis-cli -s r monitor >m.txt 3>&- &
	TAP=$!
	wait_for test -s m.txt
	redis-cli -s r set 'a "quoted" \ key' 12345 ex 100
	redis-cli -s r mget one two three
	printf '\001\377z' | redis-cli -s r -x get
	redis-cli -s r del one
	redis-cli -s r ping
	wait_for grep -qi ping m.txt
	kill "$TAP" "$SERVER"
	predis-sample import --format monitor m.txt -o m.pds
	predis-sample print --json m.pds >out
	jq -e -s 'length == 6 and .[0].op == "set" and .[0].size_bytes == 5 and
	    .[0].ttl_ms == 100000 and .[5].op == "del" and
	    .[5].key == .[1].key and .[1].op == "get" and
	    (map(.key) | unique | length) == 5 and
	    (map(.tick) == [0, 1, 2, 3, 4, 5])' out
	# The first key's identity is that of its bytes.
	printf '0,a "quoted" \\ key\n' | predis-sample import - |
	    predis-sample print --json |
	    jq -e --slurpfile m <(head -n 1 out) '.key == $m[0].key'
	printf '0,\001\377z\n' | predis-sample import - |
	    predis-sample print --json |
	    jq -e --slurpfile m <(sed -n 5p out) '.key == $m[0].key'
}

@test "import monitor: a key of each database is a key of its own" {
	cat >m.txt <<-'EOF'
	1700000000.000001 [0 127.0.0.1:1] "set" "a" "123"
	1700000000.000002 [3 127.0.0.1:1] "set" "a" "12345"
	1700000000.000003 [0 127.0.0.1:1] "get" "a"
	1700000000.000004 [3 127.0.0.1:1] "get" "a"
	1700000000.000005 [15 127.0.0.1:1] "get" "a"
	EOF
	predis-sample import --format monitor m.txt | predis-sample print --json |
	    jq -s -e 'map(.size_bytes) == [3, 5, 3, 5, 1] and
		.[0].key == .[2].key and .[1].key == .[3].key and
		(map(.key) | unique | length) == 3'
}

@test "import says what a stream and zstd data are, and prints none of it" {
	printf '0,a\n1,b\n' | predis-sample import -o s.pds -
	for format in csv monitor oracle; do
		run -2 predis-sample import --format $format s.pds -o x.pds
		[[ $output == *"'s.pds' is already a stream"*"cat"* ]]
		run -2 sh -c "cat s.pds | predis-sample import --format $format - -o x.pds"
		[[ $output == *"is already a stream"* ]]
		printf '\050\265\057\375____________________' >z
		run -2 predis-sample import --format $format z -o x.pds
		[[ $output == *"is compressed with zstd: pipe it through zstd -dc" ]]
		[ "${#lines[@]}" -eq 1 ]
	done
	[ ! -e x.pds ]
}

@test "--by key keeps all events of a share of the keys" {
	big | predis-sample import - -o all.pds
	big | predis-sample import --rate 0.1 - -o some.pds
	predis-sample print some.pds | cut -f 2- >some
	predis-sample print all.pds | cut -f 2- |
	    awk 'NR == FNR { k[$2]; next } $2 in k' some - | cmp - some
	n=$(cut -f 2 some | sort -u | wc -l)
	[ "$n" -gt 850 ] && [ "$n" -lt 1150 ]
	predis-sample info --json some.pds |
	    jq -e '.sampling == "key" and .rate == 0.1'
}

@test "--by key: a key file decides, and its identities are its own" {
	head -c 32 /dev/urandom >k1
	head -c 32 /dev/urandom >k2
	chmod 600 k1 k2
	for k in k1 k2; do
		big 20000 | predis-sample import --key-file $k --rate 1/4 - |
		    predis-sample print | cut -f 2,3 | sort >$k.txt
	done
	[ "$(join -j 1 k1.txt k2.txt | awk '$2 == $3' | wc -l)" -eq 0 ]
	run -1 cmp -s <(cut -f 1 k1.txt) <(cut -f 1 k2.txt)
	chmod 644 k1
	run -2 predis-sample import --key-file k1 t.csv -o x.pds
	[[ $output == *"can be read by others"* ]]
}

@test "--by event and --by window" {
	big | predis-sample import --by event --rate 1% - -o e.pds
	n=$(predis-sample print e.pds | wc -l)
	[ "$n" -gt 850 ] && [ "$n" -lt 1150 ]
	big | predis-sample import --by event --rate 1% --seed 1 - | cmp - e.pds
	big | predis-sample import --by event --rate 1% --seed 2 - >f.pds
	run -1 cmp -s e.pds f.pds
	big | predis-sample import --by window --window 100ms --rate 0.2 - \
	    -o w.pds
	# 1000 requests a second: a window has 100 of them, all or none.
	predis-sample print w.pds | cut -f 1 |
	    awk '{ n[int($1 / 100000)]++ } END { for (i in n) {
		if (n[i] != 100) exit 1; w++ } exit !(w > 140 && w < 260) }'
}

@test "a stream is sampled again: the rates multiply, schemes do not mix" {
	big | predis-sample import --rate 0.5 - -o a.pds
	predis-sample cat --rate 0.2 a.pds -o b.pds
	predis-sample info --json b.pds | jq -e '.rate == 0.1'
	predis-sample cat --rate 0.5 b.pds -o c.pds
	n=$(predis-sample print c.pds | cut -f 3 | sort -u | wc -l)
	[ "$n" -gt 400 ] && [ "$n" -lt 600 ]
	run -2 predis-sample cat --by event --rate 0.1 a.pds -o d.pds
	[[ $output == *"sampled by key cannot be sampled by event"* ]]
	[ ! -e d.pds ]
	run -2 predis-sample cat --by luck --rate 0.1 a.pds -o d.pds
}

@test "verify says where the damage is and what it cost" {
	big | predis-sample import - -o big.pds
	predis-sample verify big.pds
	predis-sample info --index big.pdx big.pds >/dev/null
	# One byte in the middle of the second block of events.
	python3 - <<-'E'
	import struct
	b = bytearray(open("big.pds", "rb").read())
	at = [0]
	while at[-1] < len(b):
	    at.append(at[-1] + struct.unpack_from("<I", b, at[-1] + 16)[0])
	b[(at[2] + at[3]) // 2] ^= 16
	open("bad.pds", "wb").write(b)
	print(at[2], at[3] - at[2], file=open("where", "w"))
	E
	run -1 predis-sample verify bad.pds
	read -r offset length <where
	[ "$output" = "$(printf 'bad.pds\t%s\t%s\t32768\ta member'"'"'s data is corrupt' "$offset" "$length")" ] ||
	    [ "$output" = "$(printf 'bad.pds\t%s\t%s\t32768\ta member'"'"'s check does not match' "$offset" "$length")" ]
	predis-sample verify --json bad.pds | jq -e --argjson o "$offset" \
	    '.offset_bytes == $o and .records_lost == 32768'
	run -1 gzip -t bad.pds
	run -1 --separate-stderr predis-sample print bad.pds
	[ "${#lines[@]}" -eq $((100000 - 32768)) ]
	[[ $stderr == *"offset $offset"*"32768 records lost"* ]]
	run -1 predis-sample cat bad.pds -o good.pds
	predis-sample verify good.pds
	predis-sample info --json good.pds |
	    jq -e '.events == 67232 and .lost_at_source == 32768'
}

@test "a truncated stream: exit 1; no stream at all: exit 2" {
	big | predis-sample import - -o big.pds
	head -c 300000 big.pds >torn.pds
	run -1 predis-sample verify torn.pds
	[[ $output == *"cut short"*"no end marker"* ]]
	run -1 --separate-stderr predis-sample info --json torn.pds
	jq -e '.end == "missing" and .events % 32768 == 0 and .events > 0' \
	    <<<"$output"
	[[ $stderr == *"torn.pds"*"cut short"*"no end marker"* ]]
	# A tail without its head, and a torn one with a whole one behind it.
	tail -c 300000 big.pds >tail.pds
	run -1 predis-sample verify tail.pds
	cat torn.pds big.pds >t.pds
	n=$(predis-sample info --json torn.pds | jq .events)
	[ "$(predis-sample print -q t.pds | wc -l)" -eq $((n + 100000)) ]
	for f in t.csv /dev/null; do
		run -2 predis-sample verify $f
		[[ $output == *"holds no block"* ]]
		run -2 predis-sample print - <$f
		run -2 predis-sample info $f
		run -2 predis-sample cat $f
	done
	run -2 predis-sample verify nothing.pds
}

@test "a byte order mark before a text is no part of it" {
	for text in 'key,time\na,7\n' '7,a,5,get\n' '{"time":7,"key":"a"}\n'; do
		# shellcheck disable=SC2059
		printf "\xef\xbb\xbf$text" >bom
		predis-sample import bom -o bom.pds
		[ "$(predis-sample print bom.pds | cut -f 1)" -eq 7000000 ]
	done
}

@test "merge is in order of time, and keeps ticks and shards" {
	printf '1,a\n3,b\n5,c\n' | predis-sample import - -o a.pds
	printf '2,d\n3,e\n9,f\n' | predis-sample import - -o b.pds
	predis-sample merge b.pds a.pds -o m.pds
	[ "$(predis-sample print m.pds | cut -f 1 | tr '\n' ' ')" = "1000000 2000000 3000000 3000000 5000000 9000000 " ]
	[ "$(predis-sample print m.pds | cut -f 2 | tr '\n' ' ')" = "0 0 1 1 2 2 " ]
	predis-sample merge "$TOP/tests/golden/pds/tiny.pds" -o t.pds
	predis-sample print t.pds | cmp - "$TOP/tests/golden/pds/tiny.txt"
	head -c 32 /dev/urandom >k
	# Streams whose keys or rates differ are refused.
	chmod 600 k
	predis-sample import --key-file k t.csv -o c.pds
	run -2 predis-sample merge a.pds c.pds -o x.pds
	[[ $output == *"different key files"* ]]
	predis-sample cat --rate 0.5 a.pds -o d.pds
	run -2 predis-sample merge a.pds d.pds -o x.pds
	[[ $output == *"sampled differently"* ]]
	[ ! -e x.pds ]
}

@test "cat --from-us --to-us cuts by time" {
	big | predis-sample import - -o big.pds
	predis-sample cat --from-us 50000000 --to-us 50999999 big.pds -o part.pds
	[ "$(predis-sample print part.pds | wc -l)" -eq 1000 ]
	[ "$(predis-sample print part.pds | head -n 1 | cut -f 1)" -eq 50000000 ]
	predis-sample verify part.pds
}

@test "--json follows the schemas" {
	tiny=$TOP/tests/golden/pds/tiny.pds
	predis-sample print --json "$tiny" | fits event
	predis-sample info --json "$tiny" | fits sample-info
	head -c 700 "$tiny" >torn.pds
	predis-sample verify --json torn.pds | fits sample-verify
	big 5000 | predis-sample import --rate 0.5 - -o r.pds
	predis-sample info --json r.pds | fits sample-info
	predis-sample print --json r.pds | fits event
	run ! fits event < <(echo '{"time_us":1}')
}

@test "the index is a stream that names every block" {
	big | predis-sample import - -o big.pds
	predis-sample info --index big.pdx big.pds >/dev/null
	predis-sample verify big.pdx
	predis-sample info --json big.pdx | jq -e '.schema == "index"'
}

@test "headers, limits, and a choice of one form" {
	predis-sample import t.csv -o t.pds
	predis-sample print --json --headers t.pds | head -n 1 |
	    jq -e '.header.sampling.scheme == "none" and
		.header.source == "csv:t.csv" and .header.host == null'
	[ "$(predis-sample print -n 2 t.pds | wc -l)" -eq 2 ]
	[ "$(predis-sample print --headers t.pds | head -c 2)" = "# " ]
	run -2 predis-sample print --json --csv t.pds
	run -2 predis-sample import --format xml t.csv -o x.pds
	[[ $output == *"no trace format 'xml'"* ]]
	run -2 predis-sample import --time-unit fortnights t.csv
	run -2 predis-sample import t.pds -o x.pds
}

@test "not a byte is no trace: what a pipe has whose writer failed" {
	: >empty
	for verb in 'import' 'features' 'mrc' 'stat'; do
		run -2 predis-sample $verb empty
		[[ $output == *"'empty' is empty" ]]
		run -2 predis-sample $verb - < <(:)
		[[ $output == *"standard input is empty" ]]
	done
	# A trace of no requests is one.
	echo time,key >none.csv
	predis-sample import none.csv -o none.pds
	predis-sample verify none.pds
}

@test "a quote that is never closed is no key" {
	printf '1,"a,b",5,get\n2,"SECRET,b,5,get\n' >quote.csv
	run -2 predis-sample import --format csv quote.csv -o q.pds
	[[ $output == *'quote.csv:2: it ends within quotes (17 bytes)' ]]
	# Of Twitter's it is one of the lines that are left out.
	printf '1,"a",1,5,7,get,0\n2,"b,1,5,7,get,0\n3,c,1,5,7,get,0\n' >t.tw
	predis-sample import --format twitter t.tw -o t.pds 2>err
	grep -q 't.tw:2: it ends within quotes' err
	[ "$(predis-sample print t.pds | wc -l)" -eq 2 ]
}

@test "a line of a log that is too long is left out, and named" {
	line() { echo '{"time":'"$1"',"key":"'"$2"'"}'; }
	{
		line 1 a
		line 2 "$(head -c 1200000 /dev/zero | tr '\0' x)"
		line 3 b
	} >long.jsonl
	predis-sample import --format jsonl long.jsonl -o l.pds 2>err
	grep -q 'long.jsonl:2: line is too long' err
	[ "$(predis-sample print l.pds | cut -f 1 | tr '\n' ' ')" = "1000000 3000000 " ]
	run -2 predis-sample import --strict --format jsonl long.jsonl
	[[ $output == *'long.jsonl:2: line is too long'* ]]
}

@test "a bad trace leaves nothing behind, and names the line" {
	printf '0,a\n1,b,x\n' >bad.csv
	echo old >out.pds
	run -2 predis-sample import bad.csv -o out.pds
	[[ $output == *"bad.csv:2: no size (1 byte)"* ]]
	[ "$(cat out.pds)" = old ]
	[ -z "$(compgen -G '.*.tmp.*')" ]
}

@test "a signal, or kill -9, leaves the old file and no new one" {
	for sig in TERM KILL; do
		echo old >out.pds
		mkfifo pipe
		predis-sample import - -o out.pds <pipe 3>&- &
		TAP=$!
		exec 9>pipe
		printf '0,a\n1,b\n' >&9
		wait_for compgen -G '.out.pds.tmp.*'
		kill -$sig "$TAP"
		wait "$TAP" || status=$?
		exec 9>&-
		[ "$status" -eq $((128 + $(kill -l $sig))) ]
		[ "$(cat out.pds)" = old ]
		[ "$sig" = KILL ] || [ -z "$(compgen -G '.*.tmp.*')" ]
		rm -f pipe .out*
	done
}

@test "a stream is not written to a terminal" {
	run -2 script -qec "predis-sample import $PWD/t.csv" /dev/null
	[[ $output == *"not for a terminal"* ]]
}

@test "tap writes what the server sends, and an end" {
	big | predis-sample import -0 - -o bare.pds
	serve bare.pds
	predis-sample tap -o got.pds "$PWD/sock"
	predis-sample verify got.pds
	cmp <(predis-sample print got.pds) <(predis-sample print bare.pds)
	gzip -t <got.pds
	predis-sample print --json --headers -n 1 got.pds | head -n 1 |
	    jq -e '.header.host == null and .header.source == "csv:-"'
}

@test "tap --count, --rate and --host; to a pipe" {
	big | predis-sample import -0 - -o bare.pds
	serve bare.pds
	predis-sample tap --count 1234 -0 "$PWD/sock" | predis-sample print >out
	[ "$(wc -l <out)" -eq 1234 ]
	wait "$SERVER" || true
	rm -f sock
	serve bare.pds
	predis-sample tap --rate 0.1 --host cache-1.acme -o r.pds "$PWD/sock"
	predis-sample info --json r.pds | jq -e '.host == "cache-1.acme" and
	    .rate == 0.1 and .events > 8000 and .events < 12000'
}

@test "tap ends on a signal and by --duration, with an end marker" {
	big | predis-sample import -0 - -o bare.pds
	serve bare.pds 0.01
	predis-sample tap -o got.pds "$PWD/sock" 3>&- &
	TAP=$!
	wait_for test -s got.pds
	kill -TERM "$TAP"
	wait "$TAP"
	predis-sample verify got.pds
	wait "$SERVER" || true
	rm -f sock
	serve bare.pds 0.01
	predis-sample tap --duration 2s -o d.pds "$PWD/sock"
	predis-sample verify d.pds
}

@test "kill -9 of tap: whole blocks are there, and --append goes on" {
	big 400000 | predis-sample import -0 - -o bare.pds
	for pause in 0.001 0.002 0.004; do
		rm -f sock got.pds
		serve bare.pds $pause
		predis-sample tap -o got.pds "$PWD/sock" 3>&- &
		TAP=$!
		wait_for eval '[ "$(stat -c %s got.pds)" -gt 300000 ]'
		kill -9 "$TAP"
		wait "$TAP" || true
		wait "$SERVER" || true
		run -1 predis-sample verify got.pds
		[[ $output == *"no end marker"* ]]
		predis-sample print -q got.pds >out || [ $? -eq 1 ]
		n=$(wc -l <out)
		[ "$n" -gt 0 ]
		# A prefix of what was sent, not a record wrong.
		predis-sample print bare.pds | head -n "$n" | cmp - out
	done
	# Torn in the middle of a block, as a crash of the machine leaves it.
	truncate -s -1000 got.pds
	n=$(predis-sample print -q got.pds | wc -l)
	rm -f sock
	serve bare.pds
	run -2 predis-sample tap -o got.pds "$PWD/sock"
	[[ $output == *"exists"*"--append"* ]]
	wait "$SERVER" || true
	rm -f sock
	serve bare.pds
	predis-sample tap --append -o got.pds "$PWD/sock"
	[ "$(predis-sample print -q got.pds | wc -l)" -eq $((n + 400000)) ]
}

@test "tap: nobody there, or somebody who sends no stream: exit 2" {
	run -2 predis-sample tap -o x.pds "$PWD/none"
	[ ! -e x.pds ]
	serve t.csv
	run -2 predis-sample tap "$PWD/sock" -o y.pds
	[[ $output == *"sends no stream"* ]]
}

@test "tap of a real predis-serve" {
	[ -x "$BIN/predis-serve" ] || skip "predis-serve is not built"
	start_serve --tap "$PWD/tap.sock" --tap-rate 1
	predis-sample tap -o got.pds "$PWD/tap.sock" 3>&- &
	TAP=$!
	wait_for tapped 1
	redis-cli -p "$PORT" set k1 hello ex 100
	redis-cli -p "$PORT" get k1
	redis-cli -p "$PORT" get k2
	wait_for eval '[ "$(predis-sample print -q got.pds | wc -l)" -ge 3 ]'
	kill -TERM "$TAP"
	wait "$TAP"
	predis-sample verify got.pds
	predis-sample print --json got.pds >out
	jq -e -s '.[0].op == "set" and .[0].ttl_ms > 0 and .[1].op == "get" and
	    .[1].hit and .[1].key == .[0].key and (.[2].hit | not)' out
}

@test "bytes an event of the development traces" {
	d=$(traces_dir) || skip "no development traces"
	predis-sample import "$d/cphy_vscsi.csv.gz" -o c.pds
	predis-sample info --json c.pds |
	    jq -e '.events == 113872 and .bytes_per_event <= 7.5'
}

@test "-o writes a pipe, follows a link, and - is standard output" {
	printf '1,a,5\n2,b,5\n' >t.csv
	predis-sample import -o whole.pds t.csv
	mkfifo fifo
	timeout 60 cat fifo >got 3>&- &
	CAT=$!
	timeout 60 predis-sample import -o fifo t.csv
	wait "$CAT"
	[ -p fifo ]
	predis-sample cat whole.pds got >/dev/null
	[ "$(wc -c <got)" -eq "$(wc -c <whole.pds)" ]
	mkdir there
	ln -s there/file link
	predis-sample import -o link t.csv
	[ -L link ]
	predis-sample cat there/file >/dev/null
	predis-sample import -o - t.csv | predis-sample cat >/dev/null
	[ ! -e - ]
}

@test "tap -o writes into a pipe that is there" {
	start_serve --tap "$PWD/tap" --tap-rate 1
	mkfifo fifo
	timeout 60 cat fifo >got 3>&- &
	CAT=$!
	timeout 60 predis-sample tap "$PWD/tap" -o fifo 2>tap.log 3>&- &
	TAP=$!
	wait_for tapped 1
	redis-cli -p "$PORT" set a 1
	stop_serve
	wait "$TAP" || true
	wait "$CAT"
	[ -p fifo ]
	[ "$(predis-sample print --json got | wc -l)" -eq 1 ]
}
