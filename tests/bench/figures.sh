# Figures of servers: rounds that take them in turn, ratios, bars. To be read
# with `.` after servers.sh. A figure is a line on standard output, and one of
# JSON in $JSON.
# shellcheck shell=sh disable=SC2154

# figure PART WHAT SERVER VALUE UNIT [BAR [LOW HIGH [OURS PEER]]]: VALUE should
# not be above BAR; LOW and HIGH are its spread, OURS and PEER what it is the
# ratio of. '-' stands for none.
figure() {
	awk -v part="$1" -v what="$2" -v server="$3" -v value="$4" -v unit="$5" \
	    -v bar="${6:--}" -v low="${7:--}" -v high="${8:--}" \
	    -v ours="${9:--}" -v peer="${10:--}" -v json="$JSON" '
	function text(name, v) { return "\"" name "\":\"" v "\"" }
	function number(name, v) { return v == "-" ? "" : ",\"" name "\":" v }
	function places(v) { return v == int(v) ? v : sprintf("%.2f", v) }
	BEGIN {
		verdict = bar == "-" ? "-" : value + 0 <= bar + 0 ? "ok" : "MISSED"
		spread = low == "-" ? "" : places(low) "-" places(high)
		pair = ours == "-" ? "" : places(ours) " / " places(peer)
		line = sprintf("%-30s %-9s %8s %-9s %-13s %-15s %s", what,
		    server, places(value), unit, spread, pair,
		    bar == "-" ? "" : "<= " bar " " verdict)
		sub(/ +$/, "", line)
		print line
		if (bar != "-")
			ok = ",\"ok\":" (verdict == "ok" ? "true" : "false")
		printf "{%s,%s,%s,%s%s%s%s%s%s%s%s}\n", text("part", part),
		    text("what", what), text("server", server),
		    text("unit", unit), number("value", value),
		    number("low", low), number("high", high),
		    number("ours", ours), number("peer", peer),
		    number("bar", bar), ok >>json
	}'
}
headline() {
	echo
	echo "== $1"
}

# The field of a JSON object on standard input.
field() { sed -n 's/.*"'"$1"'":\([0-9.]*\).*/\1/p'; }

# ns NAME OPS COMMAND...: processor ns of the server for each of OPS while the
# command runs on the client's core.
ns() {
	server=$1 ops=$2
	shift 2
	before=$(cpu "$server")
	client "$@" >/dev/null 2>&1 || echo "failed: $*" >&2
	echo $((($(cpu "$server") - before) / ops))
}
# benchmark NAME OPS OPTION...: redis-benchmark, ns an operation.
benchmark() {
	server=$1 ops=$2
	shift 2
	ns "$server" "$ops" redis-benchmark -h 127.0.0.1 -p "$(port "$server")" \
	    -c "${CONNECTIONS:-50}" -n "$ops" -r "$KEYS" -q "$@"
}
# rounds SERVERS MEASURE OPTION...: PAIRS times the servers in turn, there and
# back (A B C, C B A ...); `MEASURE NAME OPTION...` prints one number. They are
# lines of $work/NAME.ns, that of one round being the same line in each.
rounds() {
	servers=$1 measure=$2 back=
	shift 2
	for s in $servers; do
		: >"$work/$s.ns"
		back="$s $back"
	done
	for i in $(seq "$PAIRS"); do
		order=$servers
		[ $((i % 2)) -eq 0 ] && order=$back
		for s in $order; do
			"$measure" "$s" "$@" >>"$work/$s.ns"
		done
	done
}
# against PEER NAME: median, lowest and highest of the ratios of the rounds,
# then the medians of both.
against() {
	paste "$work/$2.ns" "$work/$1.ns" | awk '{print $1 / $2}' |
	    sort -g >"$work/ratio"
	echo "$(median <"$work/ratio")" "$(head -n 1 "$work/ratio")" \
	    "$(tail -n 1 "$work/ratio")" "$(median <"$work/$2.ns")" \
	    "$(median <"$work/$1.ns")"
}
# compare PART WHAT BAR PEER NAME...: figures of what rounds found.
compare() {
	part=$1 label=$2 bar=$3 peer=$4
	shift 4
	for s; do
		against "$peer" "$s" >"$work/figures"
		read -r ratio low high ours theirs <"$work/figures"
		figure "$part" "$label" "$s" "$ratio" "x $peer" "$bar" \
		    "$low" "$high" "$ours" "$theirs"
	done
}
