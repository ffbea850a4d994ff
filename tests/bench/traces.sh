# Where the benchmarks find their traces; to be read with `.`, $top set before.
# shellcheck shell=sh disable=SC2154

# trace_folder: the development traces where they are, else those that ship.
trace_folder() {
	for d in "${PREDIS_TRACES:-}" "$top/../shared/traces"; do
		if [ -n "$d" ] && [ -e "$d/miss-ratios.csv" ]; then
			echo "$d"
			return
		fi
	done
	echo "no development traces (PREDIS_TRACES): those that ship" >&2
	echo "$top/share/traces"
}

# trace_files: the files of $TRACES, names or paths; all of the folder without.
trace_files() {
	d=$(trace_folder)
	for t in ${TRACES:-$(cd "$d" && echo *.csv.gz)}; do
		f=$t
		[ -e "$f" ] || f=$d/${t%.csv.gz}.csv.gz
		if [ ! -e "$f" ]; then
			echo "no trace $t in $d" >&2
			return 1
		fi
		echo "$f"
	done
}

# sizes_of FILE SHARES MIN: objects, share and requests of the trace, one line
# for each share that comes to MIN objects or more.
sizes_of() {
	predis-replay -q -p lru -s "$2" -j "$1" |
	    jq -r '[.size_objects, .requests] | @tsv' |
	    awk -v sizes="$2" -v min="$3" '
		BEGIN { split(sizes, share, ",") }
		$1 >= min { print $1, share[NR], $2 }'
}
