# The tables of policy_table.sh. Input: mode, trace, share, objects, policy,
# counted requests, misses, ns a request, bytes an object (-1: not told),
# seconds of training within the run, models it gave; one line for each seed.
#
# gap closed = (LRU - p) / (LRU - Belady), in misses. Cells whose whole gap is
# below 0.02 of the requests are marked and not judged: there is nothing to
# win, and a few misses more or less would rule the means.

function key(mode, cell, policy)
{
	return mode SUBSEP cell SUBSEP policy
}

function share_closed(mode, cell, p,    lru)
{
	lru = misses[key(mode, cell, "lru")]
	return 100 * (lru - misses[key(mode, cell, p)]) / \
	    (lru - misses[key(mode, cell, "belady")])
}

# Misses relative to LRU's: 1.01 is one percent worse.
function relative(mode, cell, p)
{
	return misses[key(mode, cell, p)] / misses[key(mode, cell, "lru")]
}

function judged(mode, cell,    a)
{
	a = misses[key(mode, cell, "lru")] - misses[key(mode, cell, "belady")]
	return a / requests[mode, cell] >= 0.02
}

# The largest share closed by a policy whose name is in the set.
function best(mode, cell, set,    i, g, top)
{
	top = -1e9
	for (i = 1; i <= np; i++) {
		if (!(policy[i] in set) || !(key(mode, cell, policy[i]) in runs))
			continue
		g = share_closed(mode, cell, policy[i])
		if (g > top)
			top = g
	}
	return top
}

function sort(a, n,    i, j, x)
{
	for (i = 2; i <= n; i++) {
		x = a[i]
		for (j = i - 1; j > 0 && a[j] > x; j--)
			a[j + 1] = a[j]
		a[j + 1] = x
	}
}

function median(a, n)
{
	sort(a, n)
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function head(title,    i)
{
	printf "\n%s\n%-22s %6s", title, "trace", "size"
	for (i = 1; i <= np; i++)
		printf " %9s", policy[i]
	print ""
}

function show_cells(mode, kind,    c, i, k, cell)
{
	for (c = 1; c <= nc; c++) {
		cell = cells[c]
		if (!((mode, cell) in requests))
			continue
		printf "%-22s %6s", trace[cell], share[cell]
		for (i = 1; i <= np; i++) {
			k = key(mode, cell, policy[i])
			if (!(k in runs))
				printf " %9s", "-"
			else if (kind == "miss")
				printf " %9.4f", \
				    misses[k] / requests[mode, cell]
			else if (misses[key(mode, cell, "lru")] == \
			    misses[key(mode, cell, "belady")])
				printf " %9s", "-"
			else
				printf " %9.1f", \
				    share_closed(mode, cell, policy[i])
		}
		print judged(mode, cell) ? "" : "  *"
	}
}

# One line for each policy over the judged cells.
function summary(mode,    i, p, c, cell, n, g, sum, cut, worst, where, bad, \
    by, a, b, seconds)
{
	printf "\n%s: gap closed over the judged cells, in percent\n", mode
	printf "%-10s %5s %6s %6s %7s %-24s %9s %9s %7s %8s %8s\n", \
	    "policy", "cells", "mean", "median", "worst", "where", \
	    ">1% worse", "cut", "ns", "bytes", "training"
	for (i = 1; i <= np; i++) {
		p = policy[i]
		n = sum = cut = bad = by = seconds = 0
		worst = 1e9
		split("", a)
		split("", b)
		for (c = 1; c <= nc; c++) {
			cell = cells[c]
			if (!(key(mode, cell, p) in runs) || !judged(mode, cell))
				continue
			g = a[++n] = share_closed(mode, cell, p)
			sum += g
			cut += 1 - relative(mode, cell, p)
			if (relative(mode, cell, p) > 1.01)
				bad++
			if (g < worst) {
				worst = g
				where = trace[cell] " " share[cell]
			}
			seconds += train[key(mode, cell, p)]
			b[n] = nanos[key(mode, cell, p)] / \
			    runs[key(mode, cell, p)]
			by += bytes[key(mode, cell, p)] / \
			    runs[key(mode, cell, p)]
		}
		if (n == 0)
			continue
		mean[mode, p] = sum / n
		below[mode, p] = bad
		printf "%-10s %5d %6.1f %6.1f %7.1f %-24s %9d %8.1f%%" \
		    " %7.0f %8s %8s\n", p, n, sum / n, median(a, n), worst, where, bad, \
		    100 * cut / n, median(b, n), \
		    by < 0 ? "-" : sprintf("%.0f", by / n), \
		    seconds == 0 ? "-" : sprintf("%.0f s", seconds)
	}
}

# Where a policy that learns is worse than what it must not be worse than.
function faults(mode, p,    c, cell, far, wide, g)
{
	far = wide = 0
	for (c = 1; c <= nc; c++) {
		cell = cells[c]
		if (!(key(mode, cell, p) in runs))
			continue
		if (relative(mode, cell, p) > 1.01)
			printf "  %s %s %s: %.2f%% more misses than LRU%s\n", \
			    p, trace[cell], share[cell], \
			    100 * (relative(mode, cell, p) - 1), \
			    judged(mode, cell) ? "" : " *"
		if (!judged(mode, cell))
			continue
		g = share_closed(mode, cell, p)
		if (best(mode, cell, served) - g > 3) {
			far++
			printf "  %s %s %s: %.1f, %.1f points below the best" \
			    " that a server has\n", p, trace[cell], \
			    share[cell], g, best(mode, cell, served) - g
		}
		if (best(mode, cell, online) - g > 3)
			wide++
	}
	printf "%s %s: %d cells more than 1%% worse than LRU; more than" \
	    " 3 points below the best in hindsight: %d (of %s), %d (of all)\n", \
	    mode, p, below[mode, p] + 0, far, served_names, wide
}

function hindsight(mode, set, name,    c, n, sum)
{
	n = sum = 0
	for (c = 1; c <= nc; c++)
		if ((mode, cells[c]) in requests && judged(mode, cells[c])) {
			n++
			sum += best(mode, cells[c], set)
		}
	if (n > 0)
		printf "%s: best of %s in hindsight: %.1f\n", mode, name, \
		    sum / n
}

BEGIN {
	np = split(policies, policy, ",")
	served_names = "lru, s3fifo, lirs, qdlp, wtinylfu, learned"
	split(served_names, a, ", ")
	for (i in a)
		served[a[i]] = 1
	for (i = 1; i <= np; i++) {
		if (policy[i] == "belady" || policy[i] == "selector")
			continue
		online[policy[i]] = 1
		if (policy[i] != "learned")
			fixed[policy[i]] = 1
	}
}

{
	cell = $2 SUBSEP $3
	if (!(cell in trace)) {
		cells[++nc] = cell
		trace[cell] = $2
		share[cell] = $3
	}
	if (!($1 in modes)) {
		modes[$1] = 1
		mode_name[++nm] = $1
	}
	k = key($1, cell, $5)
	runs[k]++
	requests[$1, cell] = $6
	total[k] += $7
	misses[k] = total[k] / runs[k]
	nanos[k] += $8
	bytes[k] += $9
	train[k] += $10
}

END {
	for (m = 1; m <= nm; m++) {
		head(mode_name[m] ": miss ratio, seeds " seeds)
		show_cells(mode_name[m], "miss")
		head(mode_name[m] ": gap closed, percent")
		show_cells(mode_name[m], "gap")
	}
	print "* less than 0.02 between LRU and Belady: not judged"
	for (m = 1; m <= nm; m++) {
		summary(mode_name[m])
		hindsight(mode_name[m], fixed, "the fixed policies")
		hindsight(mode_name[m], online, "all policies")
	}
	print "\ncut: mean of the misses saved, relative to LRU's; ns a request" \
	    " of the simulation, median"
	print "cell; bytes an object of what the policy keeps, ghosts and all," \
	    " mean; training within the runs, all"
	for (m = 1; m <= nm; m++)
		for (i = 1; i <= np; i++)
			if (policy[i] == "learned" || policy[i] == "selector")
				faults(mode_name[m], policy[i])
}
