#!/bin/sh
# install.sh install|uninstall PROGRAM...: called by the Makefile, which sets
# B, BINDIR, MANDIR, DATADIR and COMPDIR. Each file is copied to a temporary
# name and renamed, so that a running program is never torn.
set -eu
verb=$1
shift
put() { # MODE SOURCE TARGET
	mkdir -p "$(dirname "$3")"
	cp "$2" "$3.tmp.$$"
	chmod "$1" "$3.tmp.$$"
	mv -f "$3.tmp.$$" "$3"
}
# pages: the man pages of the programs that were built, and the general ones.
pages() {
	for m in man/*.[1-8]; do
		n=$(basename "$m")
		case $n in
		predis-*.1)
			case " $* " in *" ${n%.1} "*) echo "$m" ;; esac
			;;
		*) echo "$m" ;;
		esac
	done
}
data() { find share/schema share/traces share/systemd share/cron -type f ! -name '.*' | sort; }
case $verb in
install)
	for p in "$@"; do put 755 "$B/$p" "$BINDIR/$p"; done
	for m in $(pages "$@"); do
		put 644 "$m" "$MANDIR/man${m##*.}/$(basename "$m")"
	done
	for f in $(data); do put 644 "$f" "$DATADIR/${f#share/}"; done
	put 644 share/completions/predis.bash "$COMPDIR/predis"
	for p in "$@"; do ln -sf predis "$COMPDIR/$p"; done
	;;
uninstall)
	for p in "$@"; do rm -f "$BINDIR/$p" "$COMPDIR/$p"; done
	rm -f "$COMPDIR/predis"
	for m in $(pages "$@"); do
		rm -f "$MANDIR/man${m##*.}/$(basename "$m")"
	done
	for f in $(data); do rm -f "$DATADIR/${f#share/}"; done
	find "$DATADIR" -type d -empty -delete 2>/dev/null || :
	;;
esac
