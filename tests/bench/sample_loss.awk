# The table of sample_loss.sh. Input: trace, share, objects, rate, policy,
# counted requests, misses, whether there was a model; one line a seed.

function rate_of(text)
{
	return text ~ /%$/ ? text / 100 : text + 0
}

# Points of the gap that the policy closes at the rate, mean over the seeds.
function closed(cell, rate, p,    lru)
{
	lru = misses[cell, rate, "lru"]
	return 100 * (lru - misses[cell, rate, p]) / \
	    (lru - misses[cell, rate, "belady"])
}

function show(p,    c, i, r, cell, loss, held)
{
	printf "\n%s\n%-20s %5s %8s", p, "trace", "size", "objects"
	for (i = 1; i <= nr; i++)
		printf "  %8s %6s", rate[i], i == 1 ? "" : "loss"
	print ""
	for (c = 1; c <= nc; c++) {
		cell = cells[c]
		printf "%-20s %5s %8d", trace[cell], share[cell], objects[cell]
		for (i = 1; i <= nr; i++) {
			r = rate[i]
			held = objects[cell] * rate_of(r)
			loss = closed(cell, rate[1], p) - closed(cell, r, p)
			printf "  %7.1f%1s", closed(cell, r, p), \
			    models[cell, r] < runs[cell, r] ? "-" : ""
			if (i == 1)
				printf " %6s", ""
			else
				printf " %6.1f", loss
			if (!judged[cell])
				continue
			n[p, r]++
			sum[p, r] += loss
			if (held >= 500) {
				large[p, r]++
				large_sum[p, r] += loss
			}
		}
		print judged[cell] ? "" : "  *"
	}
	for (i = 2; i <= nr; i++) {
		r = rate[i]
		if (n[p, r] > 0)
			printf "%s: mean loss %.1f points over %d cells", r, \
			    sum[p, r] / n[p, r], n[p, r]
		if (large[p, r] > 0)
			printf "; %.1f over the %d whose sample holds 500" \
			    " objects or more", \
			    large_sum[p, r] / large[p, r], large[p, r]
		print ""
	}
}

BEGIN {
	nr = split(rates, rate, " ")
	np = split(policies, policy, ",")
}

{
	cell = $1 SUBSEP $2
	if (!(cell in trace)) {
		cells[++nc] = cell
		trace[cell] = $1
		share[cell] = $2
		objects[cell] = $3
	}
	misses[cell, $4, $5] += $7
	requests[cell] += $6
	if ($5 == "lru") {
		runs[cell, $4]++
		if ($8 == "true")
			models[cell, $4]++
		all_requests[cell, $4] += $6
	}
}

END {
	for (c = 1; c <= nc; c++)
		judged[cells[c]] = (misses[cells[c], rate[1], "lru"] - \
		    misses[cells[c], rate[1], "belady"]) / \
		    all_requests[cells[c], rate[1]] >= 0.02
	for (i = 1; i <= np; i++)
		show(policy[i])
	print "\n- no model with at least one seed: the sample was too small, or" \
	    " its model no better than LRU"
	print "* less than 0.02 between LRU and Belady: not judged"
}
