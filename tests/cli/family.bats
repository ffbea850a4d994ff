# What every program of the family does, for every program and verb there is.
# A new program gets these tests without an edit here.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/common
	# What is built: not every program with every switch.
	PROGRAMS=$(cd "$BIN" && for p in "$TOP"/bin/predis-*; do
		[ -x "${p##*/}" ] && echo "${p##*/}"; done)
}

verbs() { "$1" --list-verbs; }

# each_command PROGRAM: "program verb" a line, or the program alone.
each_command() {
	if [ -n "$(verbs "$1")" ]; then
		for v in $(verbs "$1"); do echo "$1 $v"; done
	else
		echo "$1"
	fi
}

page() { mandoc -T utf8 "$TOP/man/$1.1" | sed 's/.\x08//g'; }

@test "there are programs" {
	[ "$(echo "$PROGRAMS" | wc -l)" -ge 4 ]
}

@test "--help answers on standard output and names the program" {
	for p in $PROGRAMS; do
		each_command "$p" >list
		echo "$p" >>list
		while read -r c; do
			for o in -h --help; do
				$c $o >out 2>err
				[ ! -s err ]
				head -n 1 out | grep -q "^usage: $p"
			done
		done <list
	done
}

@test "help is a word that every program knows; a file of that name wins" {
	for p in $PROGRAMS; do
		"$p" help >out
		head -n 1 out | grep -q "^usage: $p"
	done
	printf '1,a,5\n2,a,5\n' >help
	predis-replay -p lru -s 1 help >out
	run ! grep '^usage' out
}

@test "a wrong option: exit 2, nothing on standard output, a hint" {
	for p in $PROGRAMS; do
		each_command "$p" >list
		while read -r c; do
			run --separate-stderr $c --no-such-option
			[ "$status" -eq 2 ]
			[ -z "$output" ]
			[[ $stderr == "$p: unknown option --no-such-option"* ]]
			[[ $stderr == *"--help"* ]]
		done <list
	done
}

@test "a long option is not abbreviated" {
	for p in $PROGRAMS; do
		run "$p" --versio
		[ "$status" -eq 2 ]
	done
}

@test "a wrong verb: exit 2" {
	for p in $PROGRAMS; do
		[ -n "$(verbs "$p")" ] || continue
		run "$p" frobnicate
		[ "$status" -eq 2 ]
		[[ $output == "$p: unknown verb 'frobnicate'"* ]]
	done
}

@test "--version is one line: the name and the version" {
	for p in $PROGRAMS; do
		run "$p" --version
		[ "$status" -eq 0 ]
		[ "$output" = "$p $(cat "$TOP/VERSION")" ]
	done
}

@test "every program has a man page, with an exit status and examples" {
	for p in $PROGRAMS; do
		page "$p" >page
		grep -q '^EXIT STATUS' page
		grep -q '^EXAMPLES' page
		grep -q '^SEE ALSO' page
	done
}

@test "every option and verb of --help is in the man page" {
	bad=
	for p in $PROGRAMS; do
		page "$p" >page
		for v in $(verbs "$p"); do
			grep -qw -- "$v" page || bad="$bad $p:$v"
		done
		each_command "$p" >list
		while read -r c; do
			for o in $($c --list-options); do
				grep -qE -- "(^|[^-a-z])$o([^-a-z0-9]|\$)" page ||
				    bad="$bad $c:$o"
			done
		done <list
	done
	echo "missing in man pages:$bad"
	[ -z "$bad" ]
}

@test "every option of the man page is in --help" {
	bad=
	for p in $PROGRAMS; do
		each_command "$p" | while read -r c; do
			$c --list-options
		done | sort -u >known
		# Own options only: lines that quote another program do not count.
		page "$p" | sed -n '/^SYNOPSIS/,/^EXAMPLES/p' |
		    grep -oE '(^|[ ([])--[a-z][a-z0-9-]+' | tr -d ' ([' |
		    sort -u >named
		for o in $(cat named); do
			grep -qxF -- "$o" known || grep -qxF -- "--${o#--no-}" known ||
			    bad="$bad $p:$o"
		done
	done
	echo "in the man page only:$bad"
	[ -z "$bad" ]
}

@test "a full disk under standard output is an error" {
	for p in $PROGRAMS; do
		run --separate-stderr sh -c "$p --help >/dev/full"
		[ "$status" -eq 2 ]
		[[ $stderr == *"cannot write to standard output"* ]]
	done
}

@test "a closed pipe ends a program quietly" {
	for p in $PROGRAMS; do
		sh -c "$p --help" 2>err | head -n 1 >/dev/null
		[ ! -s err ]
	done
}

@test "no home and a folder that cannot be written are no problem" {
	mkdir ro
	chmod 555 ro
	cd ro
	for p in $PROGRAMS; do
		env -u HOME "$p" --help >/dev/null
	done
}

@test "a configuration file: unknown names are errors with file and line" {
	for p in $PROGRAMS; do
		each_command "$p" >list
		while read -r c; do
			printf '# comment\nno-such-name 1\n' >conf
			run $c --config conf --print-config
			[ "$status" -eq 2 ]
			[[ $output == *"conf:2: unknown option 'no-such-name'"* ]]
		done <list
	done
}

@test "precedence: option, environment, file, default; --print-config says which" {
	for p in $PROGRAMS; do
		c=$(each_command "$p" | head -n 1)
		o=$($c --config none --print-config | awk -F '\t' '$2=="no"{print $1; exit}')
		[ -n "$o" ] || continue
		e=PREDIS_$(echo "$o" | tr 'a-z-' 'A-Z_')
		echo "$o yes" >conf
		$c --config conf --print-config | grep -qxF "$(printf '%s\tyes\tfile' "$o")"
		env "$e=no" $c --config conf --print-config |
		    grep -qxF "$(printf '%s\tno\tenvironment' "$o")"
		env "$e=no" $c --config conf "--$o" --print-config |
		    grep -qxF "$(printf '%s\tyes\toption' "$o")"
		$c --config none --print-config |
		    grep -qxF "$(printf '%s\tno\tdefault' "$o")"
	done
}

@test "completion offers the verbs and options that the program lists" {
	source "$TOP/share/completions/predis.bash"
	for p in $PROGRAMS; do
		c=$(each_command "$p" | head -n 1)
		read -r -a COMP_WORDS <<<"$c --"
		[ "${COMP_WORDS[-1]}" = "--" ]
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMPREPLY=()
		_predis
		printf '%s\n' "${COMPREPLY[@]}" | grep -qx -- --config
	done
}

@test "no letter and no name stands for two options" {
	for p in $PROGRAMS; do
		each_command "$p" >list
		while read -r c; do
			$c --list-options | sort | uniq -d >twice
			[ ! -s twice ] || { echo "$c: $(cat twice)"; return 1; }
		done <list
	done
}

@test "a message never sends the bytes of its input to the terminal" {
	bad=$(printf 'x\033[31m\007\177\233\302\233y')
	for p in $PROGRAMS; do
		each_command "$p" >list
		while read -r c; do
			run --separate-stderr $c --config "$bad" --print-config
			[ "$status" -eq 2 ]
			[[ $stderr == *"'x?[31m?????y'"* ]]
			run --separate-stderr $c "--$bad"
			[ "$status" -eq 2 ]
			[ "$(printf %s "$stderr" | tr -d '\n -~' | wc -c)" -eq 0 ]
		done <list
	done
}

@test "--print-config leaves a number that is not set empty" {
	for p in $PROGRAMS; do
		each_command "$p" >list
		while read -r c; do
			$c --config none --print-config >conf
			run ! grep -F 18446744073709551615 conf
		done <list
	done
}
