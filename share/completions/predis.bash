# bash completion for every predis-* program: verbs and options come from the
# program itself (--list-verbs, --list-options), so they are never out of date.
_predis() {
	local cur=${COMP_WORDS[COMP_CWORD]} prog=${COMP_WORDS[0]} verb=
	local verbs
	verbs=$("$prog" --list-verbs 2>/dev/null)
	if [ -n "$verbs" ]; then
		if [ "$COMP_CWORD" -eq 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$cur")
			return
		fi
		verb=${COMP_WORDS[1]}
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
		    "$("$prog" ${verb:+"$verb"} --list-options 2>/dev/null)" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _predis predis-serve predis-sample predis-replay \
	predis-drift predis-retrain
