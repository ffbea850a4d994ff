# predis-sample features: the table, rows, labels, the miniature cache.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	zcat "$TOP/share/traces/web07.csv.gz" 2>/dev/null | head -n 6001 >web.csv
	printf '%s\n' time,key,size,op 0,a,100,get 1,b,50,get 3,a,200,get \
	    10,a,200,set 10,c,7,get 26,a,200,get >small.csv
}

# rows FILE: rows as JSON lines. labels FILE: labels.
rows() { predis-sample print --json "$1" | jq -c 'select(has("tick"))'; }
labels() { predis-sample print --json "$1" | jq -c 'select(has("label"))'; }

@test "the table has 64 slots, as the manual has it" {
	predis-sample features --table >table
	[ "$(wc -l <table)" -eq 64 ]
	while IFS="$(printf '\t')" read -r slot name unit served help; do
		grep -Fxq ".It $slot Ta $name Ta $unit Ta $served Ta $help" \
		    "$TOP/man/predis-features.7"
	done <table
	[ "$(grep -c '^\.It [0-9]* Ta ' "$TOP/man/predis-features.7")" -eq 64 ]
}

@test "the table as JSON lines says the same" {
	predis-sample features --table >table
	predis-sample features --table --json |
	    jq -r '[.slot, .name, .unit, (if .served then "yes" else "no" end),
	        .help] | @tsv' >json
	cmp table json
}

@test "the manual explains every name" {
	mandoc -T utf8 "$TOP/man/predis-features.7" | sed 's/.\x08//g' |
	    sed '/^   The table/,/^   Served slots/d' >text
	for n in $(predis-sample features --table | cut -f 2); do
		case $n in
		gap[2-3] | gap[6-9] | gap1[01] | edc_1[mh] | rate_*5m | \
		    pred_age | group_* | stride | batch_position) continue ;;
		esac
		grep -q "$n" text || { echo "no word on $n"; return 1; }
	done
}

@test "rows of a small trace, by hand" {
	predis-sample features small.csv -o f.pds
	rows f.pds >rows
	[ "$(wc -l <rows)" -eq 6 ]
	# The last one: key a at 26 s, before it at 0, 3 and 10 s; ticks 0, 2,
	# 3 and 5, so gaps of 2, 1 and 2.
	tail -n 1 rows | jq -e '
		def near(x): (. - x) | fabs < 0.002;
		.tick == 5 and .age == null and .gaps_known == 2
		and .age_over_gap1 == 1 and .gap_spread == 1
		and .frequency == 2 and (.time_age | near(13.9658))
		and .count == 2 and (.life | near(14.6664))
		and (.gap_min | near(11.5512)) and .gap5 == null
		and .last_write == 1 and (.read_share | near(0.875))
		and .last_hit == null and .size_change == 0
		and .gaps_in_hour == 3 and .residence == null'
	head -n 1 rows | jq -e '.age == null and .frequency == 0
		and .time_age == null and .edc_1m == 0 and .life == 0'
}

@test "the header names schema, slots and sampling" {
	predis-sample features --mask gap1,0,33-35 --labels small.csv |
	    predis-sample print --headers --json | head -n 1 |
	    jq -e '.header
		| .schema == "features"
		and (.feature_schema | test("^[0-9a-f]{16}$"))
		and .features == ["age", "gap1", "edc_1s", "edc_1m", "edc_1h"]
		and .label == "log2_1p_next_gap_ticks"
		and .sampling.scheme == "none"'
}

@test "--mask: rows carry these slots and no others" {
	predis-sample features --mask served,count small.csv >f.pds
	rows f.pds | tail -n 1 | jq -e '.frequency == 2
		and (has("time_age") or has("edc_1s") | not)
		and (.count | fabs > 1) and (keys | length) == 24'
	predis-sample print --csv f.pds | head -n 1 |
	    grep -q '^time_us,tick,key,age,.*,new_share_lately,count$'
	predis-sample features --mask count,0-19,age-gap4 small.csv | cmp - f.pds
	# The values are those of whole rows, and cat keeps the form.
	predis-sample features small.csv | predis-sample print --json |
	    jq -c '[.tick, .key, .edc_1m, .count]' >whole
	predis-sample features -m edc_1m,45 small.csv -o part.pds
	rows part.pds | jq -c '[.tick, .key, .edc_1m, .count]' | cmp - whole
	predis-sample cat part.pds f.pds -o both.pds
	predis-sample verify both.pds
	rows both.pds >both
	{ rows part.pds; rows f.pds; } | cmp - both
	for g in all:64 served:20 sampled:44 gaps:17 rates:8 object:7 \
	    namespace:6 context:7 served,context:27; do
		predis-sample features --table --mask "${g%:*}" | wc -l |
		    grep -qx "${g#*:}"
	done
	for m in '' nonesuch 64 5-2 'age,' 1-x; do
		run --separate-stderr predis-sample features --mask "$m" small.csv
		[ "$status" -eq 2 ]
		[[ $stderr == "predis-sample: --mask: "* ]]
	done
}

@test "--quantize: one byte a value, near the float, readable by all" {
	predis-sample features -c 300 web.csv -o f.pds
	predis-sample features -c 300 --quantize web.csv -o q.pds
	predis-sample verify q.pds
	[ "$(stat -c %s q.pds)" -lt $(($(stat -c %s f.pds) / 2)) ]
	[ "$(predis-sample features -0 --quantize web.csv | wc -c)" -lt \
	    $(($(predis-sample features -0 web.csv | wc -c) * 2 / 7)) ]
	# Octaves are within a sixteenth, shares within 1/500, NaN is NaN.
	rows f.pds | jq -c '[.tick, .age, .time_age, .hit_share, .gap12]' >f
	rows q.pds | jq -c '[.tick, .age, .time_age, .hit_share, .gap12]' >q
	paste -d , f q | tr -d '[]' | awk -F, '
		function far(a, b, d) {
			if (a == "null" || b == "null") return a != b
			return a - b > d || b - a > d
		}
		far($1, $6, 0) || far($2, $7, .0626) || far($3, $8, .0626) ||
		far($4, $9, .0021) || far($5, $10, .0626) { print; bad = 1 }
		END { exit bad || NR < 5000 }'
	# Coding codes again changes nothing.
	predis-sample cat q.pds -o again.pds
	rows again.pds >again
	rows q.pds | cmp - again
	predis-drift profile -o q.pdp q.pds
	predis-drift test --profile q.pdp q.pds
	predis-sample features --quantize -m served web.csv |
	    predis-sample print --headers --json | head -n 1 |
	    jq -e '.header.quantized and (.header.features | length) == 20'
}

@test "labels in milliseconds, and a horizon" {
	predis-sample features -l --label-unit ms small.csv -o ms.pds
	# Key a at 0, 3, 10 and 26 s; b at 1 s and c at 10 s once.
	labels ms.pds | jq -c '[.row, .censored, (.label | exp2 + 0.5 | floor)]' |
	    sort >got
	printf '%s\n' '[0,false,3001]' '[1,true,25001]' '[2,false,7001]' \
	    '[3,false,16001]' '[4,true,16001]' '[5,true,1]' | cmp - got
	predis-sample features -l --label-unit ms --horizon 5s small.csv >h.pds
	labels h.pds | jq -c '[.row, .censored, (.label | exp2 + 0.5 | floor)]' |
	    sort >got
	printf '%s\n' '[0,false,3001]' '[1,true,5001]' '[2,true,5001]' \
	    '[3,true,5001]' '[4,true,5001]' '[5,true,1]' | cmp - got
	predis-sample print --headers --json h.pds | head -n 1 | jq -e '.header
		| .label == "log2_1p_next_gap_ms" and .horizon_ms == 5000'
	predis-sample features -l --horizon 1 small.csv >t.pds
	[ "$(labels t.pds | jq -s 'map(.label) | max')" -eq 1 ]
	for a in '--horizon 5' '--label-unit ms' '-l --label-unit s' \
	    '-l --horizon 0' '-l --horizon 5s' \
	    '-l --label-unit ms --horizon 1us'; do
		run predis-sample features $a small.csv -o x.pds
		[ "$status" -eq 2 ]
	done
}

@test "the same bytes again, from a pipe, and under another name" {
	predis-sample features -l -c 100 web.csv >a.pds
	predis-sample features -l -c 100 web.csv -o b.pds
	cmp a.pds b.pds
	predis-sample import --format csv web.csv -o e.pds
	predis-sample features -l -c 100 e.pds >c.pds
	cat e.pds | predis-sample features -l -c 100 >d.pds
	cmp c.pds d.pds
	predis-sample print a.pds >a.txt
	predis-sample features -l -c 100 -0 web.csv |
	    predis-sample print >bare.txt
	cmp a.txt bare.txt
	predis-sample verify a.pds
	gzip -t <a.pds
}

@test "every row has one label: the ticks to its key's next access" {
	predis-sample features --labels --mask count web.csv -o f.pds
	rows f.pds | jq -r '[.key, .tick] | @tsv' >rows
	labels f.pds | jq -r '[.seq, .row, .label, .censored] | @tsv' |
	    sort -n -k 1,1 -k 2,2 >labels
	[ "$(wc -l <rows)" -eq "$(wc -l <labels)" ]
	# Both are in the order of rows now. What should the label be?
	paste rows labels | awk '
		{ key[NR] = $1; tick[NR] = $2; label[NR] = $5; cens[NR] = $6 }
		END {
			end = tick[NR]
			for (i = NR; i >= 1; i--) {
				k = key[i]
				gap = (k in next_ ? next_[k] : end) - tick[i]
				if (cens[i] != (k in next_ ? "false" : "true"))
					exit 1
				d = label[i] - log(1 + gap) / log(2)
				if (d > 1e-4 || d < -1e-4) exit 1
				next_[k] = tick[i]
			}
		}'
}

@test "labels of keys that left the history are censored, none is missing" {
	predis-sample features -q --labels --keys 50 web.csv -o f.pds
	n=$(rows f.pds | wc -l)
	[ "$(labels f.pds | wc -l)" -eq "$n" ]
	[ "$(labels f.pds | jq -r '[.seq, .row] | @tsv' | sort -u | wc -l)" \
	    -eq "$n" ]
	run --separate-stderr predis-sample features --keys 50 web.csv -o f.pds
	[ "$status" -eq 0 ]
	[[ $stderr == *"keys left the history"* ]]
}

@test "--capacity: the hits of LRU, and the state of residents" {
	predis-sample features --capacity 300 web.csv -o f.pds
	rows f.pds >rows
	hits=$(jq -s 'map(.last_hit) | add' rows)
	predis-replay --policy lru --size 300 --json web.csv >replay
	[ "$hits" -eq "$(jq '.requests - .misses' replay)" ]
	jq -s -e 'map(select(.last_hit == 1)) | length > 1000
		and all(.residence != null or .age == null)
		and (map(.hits_resident) | all(. != null))
		and (map(.returning) | add > 0)' rows
	jq -s -e 'map(select(.last_hit == 0))
		| all(.residence == null and .returning == null)' rows
}

@test "streams sampled by event or window are refused, with the reason" {
	for by in event window; do
		predis-sample import --format csv --by $by --rate 10% web.csv \
		    -o e.pds
		run --separate-stderr predis-sample features e.pds -o f.pds
		[ "$status" -eq 2 ]
		[[ $stderr == *"sampled by $by"*"--by key"* ]]
		[ ! -e f.pds ]
	done
}

@test "a sample by key: a miniature of the cache, and a word when small" {
	predis-sample import --format csv --by key --rate 50% web.csv -o e.pds
	run --separate-stderr predis-sample features -c 400 e.pds -o f.pds
	[ "$status" -eq 0 ]
	[[ $stderr == *"holds 200 objects"* ]]
	# Distances are the true ones: gaps of the keys that are in the sample.
	predis-sample features web.csv -o all.pds
	predis-sample features e.pds -o part.pds
	rows all.pds | jq -c '[.key, .tick, .age_over_gap1, .time_age,
		.gap_ewma, .gap5, .count, .rate_1h]' | sort >all
	rows part.pds | jq -c '[.key, .tick, .age_over_gap1, .time_age,
		.gap_ewma, .gap5, .count, .rate_1h]' | sort >part
	[ -s part ]
	[ -z "$(comm -13 all part)" ]
}

@test "a damaged stream: the rows of its good blocks, and exit 1" {
	predis-sample import --format csv web.csv -o e.pds
	size=$(stat -c %s e.pds)
	head -c $((size - 30)) e.pds >torn.pds
	run --separate-stderr predis-sample features torn.pds -o f.pds
	[ "$status" -eq 1 ]
	[[ $stderr == *"torn.pds"* ]]
	predis-sample verify f.pds
}

@test "wrong usage" {
	for args in '--bytes small.csv' '--keys 0 small.csv' \
	    '--keys 2000000000 small.csv' '--json small.csv' \
	    '--table small.csv' 'small.csv small.csv' 'no-such-file'; do
		run --separate-stderr predis-sample features $args
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[[ $stderr == predis-sample:* ]]
	done
	echo 'time,key,size,op' >empty.csv
	predis-sample features empty.csv -o f.pds
	predis-sample verify f.pds
	[ "$(rows f.pds | wc -l)" -eq 0 ]
	run --separate-stderr predis-sample features f.pds
	[ "$status" -eq 2 ]
	[ "$stderr" = "predis-sample: 'f.pds' holds features, not events" ]
}
