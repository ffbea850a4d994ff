# The floor: whatever the stream and whatever the model, the selector misses at
# most 1% more often than LRU after the first 20,000 requests.
# tests/cli/floor.bats is the short form.

setup() {
	load ../lib/common
	load ../lib/floor
	predis-replay --list-policies | grep -q "^selector" ||
	    skip "no selector"
}

# Of a stream of 120,000 requests the first 20,000 do not count.
N=120000
FROM=16.67%

@test "no model: every stream, three capacities, two seeds" {
	for c in 200 1000 4000; do
		for s in $STREAMS; do
			for seed in 1 2; do
				stream "$s" $c $N $seed
				floor "no model, seed $seed" "$s.csv" -s $c \
				    -f $FROM --seed $seed
			done
		done
	done
	floor_holds
}

@test "a model trained on inverted labels" {
	for c in 200 1000 4000; do
		stream zipf $c $N 7
		model_of zipf.csv $c zipf.pdm
		inverted zipf.pdm inverted.pdm
		for s in $STREAMS; do
			stream "$s" $c $N
			floor inverted "$s.csv" -s $c -f $FROM -m inverted.pdm
		done
	done
	floor_holds
}

@test "a model of another stream, of another trace" {
	stream scans 1000 $N 7
	model_of scans.csv 1000 scans.pdm
	model_of "$TOP/share/traces/orm_night_head.csv.gz" 1000 orm.pdm
	for m in scans orm; do
		for c in 200 1000 4000; do
			for s in $STREAMS; do
				stream "$s" $c $N
				floor $m "$s.csv" -s $c -f $FROM -m $m.pdm
			done
		done
		floor $m "$TOP/share/traces/web07.csv.gz" -s 1%,10% -f 30% \
		    -m $m.pdm
	done
	floor_holds
}

@test "inverted models on the traces that they were trained on" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	for t in web07 weblog424 cphy_vscsi lirs_sprite tencent_ns3300; do
		for c in 500 2000; do
			model_of "$d/$t.csv.gz" $c right.pdm -t 50%
			inverted right.pdm inverted.pdm
			floor inverted "$d/$t.csv.gz" -s $c -f 50% \
			    -m inverted.pdm
		done
	done
	floor_holds
}

@test "models of every other trace" {
	d=$(traces_dir) || skip "no development traces (PREDIS_TRACES)"
	set -- web07 weblog424 cphy_vscsi lirs_sprite tencent_ns3300 lirs_multi2
	for t; do
		model_of "$d/$t.csv.gz" 1000 "$t.pdm"
	done
	for t; do
		for m; do
			[ "$t" = "$m" ] || floor "of $m" "$d/$t.csv.gz" \
			    -s 500,2000 -f 50% -m "$m.pdm"
		done
	done
	floor_holds
}

@test "what the first part taught turns wrong: a miss an object for the change" {
	for c in 200 1000 4000; do
		stream decoy $c $N
		SLACK=$c floor untaught decoy.csv -s $c -f $FROM
		SLACK=$c floor taught decoy.csv -s $c -f $FROM --train-on $FROM
		for s in flip scans floods drift; do
			stream "$s" $c $N
			floor taught "$s.csv" -s $c -f $FROM --train-on $FROM
		done
	done
	floor_holds
}
