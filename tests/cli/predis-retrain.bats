# predis-retrain train: what it writes, refuses and answers. That a server
# would load a bundle is tested in bundle.bats.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	command -v predis-retrain >/dev/null || skip "built without training"
	WEB07=$TOP/share/traces/web07.csv.gz
}

@test "train writes a model that a server would load, and says what it did" {
	run -0 predis-retrain train -c 10% -t 50% -o m.pdm "$WEB07"
	echo "$output"
	[[ $output == *$'feature\tgap2\tused\t'* ]]
	[[ $output == *$'holdout_miss_ratio_lru\t0.'* ]]
	run -0 predis-retrain validate m.pdm
	echo "$output"
	[ "$(tar xzOf m.pdm manifest.json | jq -r .name)" = m ]
	[ "$(ls -A)" = m.pdm ]
	tar tzf m.pdm | grep -qx profile.pdp
}

@test "the same events, options and seed give the same bytes, another seed others" {
	for n in 1 1again 2; do
		predis-retrain train -c 5% -t 40% --seed "${n%again}" --name x \
		    -o m$n.pdm "$WEB07" >/dev/null
	done
	cmp m1.pdm m1again.pdm
	run cmp -s m1.pdm m2.pdm
	[ "$status" -eq 1 ]
}

@test "--json gives the metrics that the bundle holds" {
	predis-retrain train -j -c 10% -t 50% -o m.pdm "$WEB07" >out
	tar xzOf m.pdm metrics.json | jq -S . >in
	jq -S . out | diff - in
	jq -e '.outcome == "good" and .holdout_auc > 0.7 and
	    .holdout_misses < .holdout_misses_lru and
	    .holdout_loss < .holdout_loss_of_mean and
	    (.features | index("gap2") != null)' out
}

@test "learned closes a good part of the distance from LRU to Belady" {
	predis-replay -p lru,learned,belady --train-on 50% -s 1%,10% -j \
	    "$WEB07" >out
	cat out
	jq -s -e '[group_by(.size_objects)[] |
	    (map({(.policy): .misses}) | add) |
	    (.lru - .learned) / (.lru - .belady)] | min > 0.15' out
}

@test "a model works in the cache that it was trained for, by way of its file" {
	predis-retrain train -q -c 2048 -t 50% -o m.pdm "$WEB07" >/dev/null
	predis-replay -p lru,learned -m m.pdm -f 50% -s 2048 -j "$WEB07" >out
	jq -s -e '.[1].misses < 0.95 * .[0].misses' out
}

@test "a sampled stream stands for the whole: the model serves the full cache" {
	predis-sample import --by key --rate 0.5 -o half.pds \
	    "$TOP/share/traces/orm_night_head.csv.gz"
	predis-retrain train -j -c 2000 -t 50% -o m.pdm half.pds >out
	jq -e '.capacity_objects == 2000 and .replayed_capacity == 1000' out
	predis-replay -p lru,learned -m m.pdm -f 50% -s 2000 -j \
	    "$TOP/share/traces/orm_night_head.csv.gz" >res
	cat res
	jq -s -e '.[1].misses < .[0].misses' res
}

@test "too little to learn from is exit 3 with the reason, and no file" {
	for args in "-c 30000" "-c 200 -t 0.1%"; do
		# shellcheck disable=SC2086
		run -3 --separate-stderr predis-retrain train -o m.pdm $args \
		    "$WEB07"
		[ -z "$output" ]
		[[ $stderr == predis-retrain:* ]]
		[ ! -e m.pdm ]
	done
	predis-sample import --by key --rate 0.01 -o few.pds "$WEB07"
	run -3 predis-retrain train -o m.pdm -c 2000 few.pds
	[[ $output == *"sample at a higher rate"* ]]
	run -3 --separate-stderr predis-retrain train -j -o m.pdm -c 2000 \
	    few.pds
	echo "$output" | jq -e '.outcome == "few"'
}

@test "a sample that holds too little of the cache stands for a larger one" {
	predis-sample import --by key --rate 0.1 -o tenth.pds "$WEB07"
	run -0 --separate-stderr predis-retrain train -j -t 50% -o m.pdm \
	    -c 1000 tenth.pds
	[[ $stderr == *"holds 100 objects of the capacity: learned for 2500 "* ]]
	echo "$output" | jq -e '.capacity_objects == 1000 and
	    .replayed_capacity == 250'
	predis-replay -p lru,learned -m m.pdm -f 50% -s 1000 -j "$WEB07" >out
	jq -s -e '.[1].misses < .[0].misses' out
	run -0 --separate-stderr predis-retrain train -t 50% -o m.pdm \
	    -c 3000 tenth.pds
	[[ $stderr == *"holds 300 objects of the capacity, less than 500"* ]]
	run -0 --separate-stderr predis-retrain train -f -j -t 50% -o n.pdm \
	    -c 1000 tenth.pds
	echo "$output" | jq -e '.replayed_capacity == 100'
}

@test "a damaged stream is said to be damaged, and learned from all the same" {
	predis-sample import -o bad.pds "$WEB07"
	size=$(stat -c %s bad.pds)
	printf XXXX | dd of=bad.pds bs=1 seek=$((size / 2)) conv=notrunc \
	    2>/dev/null
	run -0 --separate-stderr predis-retrain train -c 1000 -o m.pdm bad.pds
	[[ $stderr == *"'bad.pds' has 1 damaged part, "*" records lost"* ]]
	run -3 --separate-stderr predis-retrain train -c 30000 -o n.pdm bad.pds
	[[ $stderr == *"; the stream has 1 damaged part, "* ]]
	run -0 --separate-stderr predis-replay -p lru -s 10% bad.pds
	[[ $stderr == *"'bad.pds' has 1 damaged part, "*" records lost"* ]]
}

@test "no better than LRU on the hold-out is exit 1 and no file, unless forced" {
	# What comes twice comes again, until the hold-out turns it round.
	awk 'BEGIN {
		srand(7); print "time,key,size,op"
		for (i = 0; i < 60000; i++) {
			if (i < 48000)
				k = i % 2 ? 1000 + i : int(rand() * 400)
			else
				k = 1000000 + int(i / 400) * 100 + \
				    i % 2 * 1000000 + int(rand() * 160)
			print i "," k ",1,get"
		}
	}' >turn.csv
	run -1 predis-retrain train --holdout 20% -c 450 -o m.pdm turn.csv
	echo "$output"
	[[ $output == *"no better than LRU on the hold-out"* ]]
	[ ! -e m.pdm ]
	predis-retrain train -f --holdout 20% -c 450 -o m.pdm turn.csv >out
	tar xzOf m.pdm metrics.json | jq -e '.outcome == "worse"'
	# The server's guard: even so it costs little.
	predis-replay -p lru,learned -m m.pdm -f 80% -s 450 -j turn.csv >res
	cat res
	jq -s -e '.[1].misses < 1.15 * .[0].misses' res
}

@test "as good as LRU is not better: exit 1 and no file" {
	# Nine in ten requests are for a key that never comes again, the
	# others for 30 keys that LRU keeps: there is nothing to gain.
	awk 'BEGIN {
		print "time,key,size,op"
		for (i = 0; i < 40000; i++)
			print i "," (i % 10 ? i : i % 300) ",1,get"
	}' >once.csv
	run -1 --separate-stderr predis-retrain train -j -c 400 -o m.pdm \
	    once.csv
	echo "$output"
	echo "$output" | jq -e '.outcome == "worse" and
	    .holdout_misses == .holdout_misses_lru'
	[[ $stderr == *"no better than LRU"* ]]
	[ ! -e m.pdm ]
}

@test "the capacity must be known; a stream of a server tells it" {
	run -2 --separate-stderr predis-retrain train -o m.pdm "$WEB07"
	[[ $stderr == *"give --capacity"* ]]
}

@test "wrong options are refused, each with its reason" {
	while IFS='|' read -r args words; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr predis-retrain train $args "$WEB07"
		[ -z "$output" ]
		[[ $stderr == *"$words"* ]] || { echo "$args: $stderr"; false; }
	done <<-'EOF'
	-c 10%|--output
	-c 10% -o m --label no|unknown label
	-c 10% -o m --depth 7|--depth must be
	-c 10% -o m --trees 0|--trees must be
	-c 10% -o m --rounds 0|--rounds must be
	-c 10% -o m --rows 5|--rows must be
	-c 10% -o m --eta 2|--eta must be
	-c 10% -o m --holdout 90%|--holdout must be
	-c 10% -o m --features nonsense|no feature 'nonsense'
	-c 10% -o m --features age,age|named twice
	-c 10% -o m --features latency|of sampled keys only
	-c 0 -o m|no capacity
	-c x -o m|x
	EOF
	[ ! -e m ]
}

@test "a stream sampled by event cannot be learned from" {
	predis-sample import --by event --rate 0.5 -o e.pds "$WEB07"
	run -2 --separate-stderr predis-retrain train -c 10% -o m.pdm e.pds
	echo "$stderr"
	[ ! -e m.pdm ]
}

@test "a bad name and a folder that is not there: told before anything is read" {
	# The events do not exist: only what is checked first is told.
	run -2 --separate-stderr predis-retrain train -c 1000 -n '../x' \
	    -o m.pdm nowhere.pds
	[[ $stderr == *"'../x' is no name of a model"* ]]
	run -2 --separate-stderr predis-retrain train -c 1000 -o '-x y.pdm' \
	    nowhere.pds
	[[ $stderr == *"'-x y' is no name of a model"*"give --name"* ]]
	run -2 --separate-stderr predis-retrain train -c 1000 -o no/m.pdm \
	    nowhere.pds
	[[ $stderr == *no/* && $stderr != *nowhere* ]]
	run -2 --separate-stderr predis-retrain train -c 1000 -o m.pdm \
	    nowhere.pds
	[[ $stderr == *nowhere* ]]
	[ -z "$(find . -name "*.pdm*")" ]
}

@test "-F is --config, -f is --force" {
	printf '[train]\ncapacity 1000\n' >conf
	run -0 predis-retrain train -F none --print-config -o m.pdm x
	run -0 --separate-stderr predis-retrain train -F conf -t 30% -o m.pdm \
	    "$WEB07"
	jq -e '.capacity_objects == 1000' <(tar xzOf m.pdm metrics.json)
}

@test "killed while it trains it leaves no model, and the old one stands" {
	echo old >m.pdm
	predis-retrain train -c 10% --rounds 8 --trees 500 -o m.pdm "$WEB07" \
	    >/dev/null 2>&1 3>&- &
	pid=$!
	sleep 0.3
	kill -9 $pid
	wait $pid || true
	[ "$(cat m.pdm)" = old ]
}

# The first and the second quarter of web07.
quarters() {
	gzip -dc "$WEB07" | head -n 19030 >first.csv
	{
		head -n 1 first.csv
		gzip -dc "$WEB07" | sed -n '19031,38059p'
	} >second.csv
}

@test "refresh keeps the trees and fits their leaves to newer events" {
	quarters
	predis-retrain train -q -c 2048 -o old.pdm first.csv >/dev/null
	run -0 predis-retrain refresh -j -m old.pdm -o new.pdm second.csv
	echo "$output" | jq -e '.outcome == "good" and
	    .capacity_objects == 2048 and
	    .holdout_misses <= .holdout_misses_old and
	    .holdout_misses_old < .holdout_misses_lru'
	predis-retrain refresh -q -m old.pdm -o again.pdm --name new \
	    second.csv >/dev/null
	cmp new.pdm again.pdm
	run -0 predis-retrain validate new.pdm
	tar xzOf new.pdm manifest.json | jq -e .training.refreshed
	# Splits are the same, leaves are not.
	for m in old new; do
		tar xzOf $m.pdm model.json | jq -c '
		    [.learner.gradient_booster.model.trees[] |
		    [.split_indices, .left_children]]' >$m.splits
		tar xzOf $m.pdm model.json | jq -c '
		    [.learner.gradient_booster.model.trees[].base_weights]' \
		    >$m.leaves
	done
	cmp old.splits new.splits
	run -1 cmp -s old.leaves new.leaves
	# On what comes then it is better than before.
	for m in old new; do
		predis-replay -p learned -m $m.pdm -f 50% -s 2048 -j \
		    "$WEB07" | jq .misses >$m.misses
	done
	[ "$(cat new.misses)" -lt "$(cat old.misses)" ]
}

@test "train and refresh take several files, one after the other" {
	quarters
	gzip -dc "$WEB07" | head -n 38059 >both.csv
	predis-retrain train -q -c 2048 -o one.pdm --name x both.csv >/dev/null
	predis-retrain train -q -c 2048 -o two.pdm --name x first.csv \
	    second.csv >/dev/null
	cmp one.pdm two.pdm
}

@test "refresh needs a model that loads, and says when it became worse" {
	run -2 predis-retrain refresh -o new.pdm "$WEB07"
	[[ $output == *"missing option: --model"* ]]
	echo no >bad.pdm
	run -2 predis-retrain refresh -m bad.pdm -o new.pdm "$WEB07"
	[[ $output == *"bad.pdm"* ]]
	[ ! -e new.pdm ]
}
