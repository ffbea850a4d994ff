# The plot and the sums of regime.sh. Input: policy, window, requests, misses,
# who ruled; the file ${drift} holds, one line a window, the mean distance of
# its features from the reference's and how many drifted.

function x(i)
{
	return left + width * i / windows
}

function line(policy, color, extra,    i, d)
{
	d = ""
	for (i = 0; i < windows; i++)
		d = d sprintf("%s%.1f %.1f", i ? "L" : "M", x(i + 0.5), \
		    top + high * (1 - misses[policy, i] / requests[policy, i]))
	printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" %s/>\n", d, color, \
	    extra >svg
}

function text(px, py, s, extra)
{
	printf "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", px, py, extra, s >svg
}

function rect(px, py, w, h, color)
{
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"" \
	    " fill=\"%s\"/>\n", px, py, w, h, color >svg
}

function axis(py, label)
{
	printf "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n", left, py, \
	    left + width >svg
	text(left - 6, py + 4, label, "text-anchor=\"end\"")
}

function draw(    i, n, px, py)
{
	left = 50
	width = 830
	top = 40
	high = 240
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900" \
	    " 490\" font-family=\"sans-serif\" font-size=\"12\">\n" >svg
	rect(0, 0, 900, 490, "#fff")
	text(left, 22, first ", then " second ": miss ratio, " objects \
	    " objects, windows of " window " requests", "font-size=\"14\"")
	for (i = 0; i <= 4; i++)
		axis(top + high * i / 4, sprintf("%.2f", 1 - i / 4))
	line("belady", "#999", "stroke-dasharray=\"3 3\"")
	line("lru", "#444", "stroke-width=\"1.5\"")
	line("learned", "#e69f00", "stroke-width=\"1.2\"")
	line("selector", "#0072b2", "stroke-width=\"2\"")
	py = top + high + 18
	for (i = 0; i < windows; i++)
		rect(x(i), py, width / windows + 0.3, 22, color[ruling[i]])
	text(left - 6, py + 15, "rules", "text-anchor=\"end\"")
	py += 52
	axis(py, sprintf("%.2f", most))
	axis(py + 80, "0")
	for (i = 0; i < windows && most > 0; i++)
		rect(x(i), py + 80 * (1 - distance[i] / most), \
		    width / windows - 0.5, 80 * distance[i] / most, "#cc79a7")
	text(left, py - 6, "drift: mean Kolmogorov-Smirnov distance of the" \
	    " features from the window where training ended", "")
	printf "<path d=\"M%.1f %dV%.1f\" stroke=\"#d00\"" \
	    " stroke-dasharray=\"5 4\"/>\n", x(change / window), top, py + 80 >svg
	n = split("LRU #444 selector #0072b2 learned,&#160;model&#160;of&#160;" \
	    first " #e69f00 Belady #999", a, " ")
	px = left
	for (i = 1; i < n; i += 2) {
		rect(px, py + 100, 14, 4, a[i + 1])
		text(px + 18, py + 106, a[i], "")
		px += i == 5 ? 210 : 90
	}
	text(left, py + 128, "who rules:", "")
	px = left + 70
	for (i = 1; i <= rulers; i++) {
		rect(px, py + 118, 12, 12, color[ruler[i]])
		text(px + 16, py + 128, ruler[i], "")
		px += 90
	}
	print "</svg>" >svg
	close(svg)
}

# Misses of a policy from window ${a} to before ${b}, relative to LRU's.
function against(policy, a, b,    i, m, l)
{
	for (i = a; i < b; i++) {
		m += misses[policy, i]
		l += misses["lru", i]
	}
	return 100 * (m / l - 1)
}

function worst(policy,    i, w, d)
{
	w = -1e9
	for (i = 0; i < windows; i++) {
		d = 100 * (misses[policy, i] / misses["lru", i] - 1)
		if (d > w) {
			w = d
			at = i
		}
	}
	return w
}

BEGIN {
	n_drift = 0
	n = split("lru #444 learned #e69f00 qdlp #009e73 s3fifo #56b4e9" \
	    " lirs #f0e442 arc #d55e00 wtinylfu #cc79a7 2q #999 slru #885", a, " ")
	for (i = 1; i < n; i += 2)
		color[a[i]] = a[i + 1]
}

{
	misses[$1, $2] = $4
	requests[$1, $2] = $3
	if ($2 + 1 > windows)
		windows = $2 + 1
	if ($1 != "selector")
		next
	ruling[$2] = $5
	if (!($5 in seen)) {
		seen[$5] = 1
		ruler[++rulers] = $5
		if (!($5 in color))
			color[$5] = "#ccc"
	}
	if ($2 > 0 && ruling[$2] != ruling[$2 - 1])
		switches++
}

END {
	while ((getline row <drift) > 0) {
		split(row, a, " ")
		if (a[1] > most)
			most = a[1]
		distance[n_drift] = a[1]
		drifted[n_drift++] = a[2]
	}
	draw()
	c = int(change / window)
	printf "%s, then %s, %d objects, windows of %d requests\n", first, \
	    second, objects, window
	printf "%-10s %10s %10s %10s %18s\n", "misses", "first", "second", \
	    "after+2", "worst window"
	n = split("selector learned belady", a, " ")
	for (i = 1; i <= n; i++)
		printf "%-10s %+9.1f%% %+9.1f%% %+9.1f%% %+9.1f%% at %d\n", \
		    a[i], against(a[i], 0, c), against(a[i], c, windows), \
		    against(a[i], c + 2, windows), worst(a[i]), at
	printf "selector: %d changes of the ruler seen at the ends of windows\n", \
	    switches
	for (i = 0; i < n_drift; i++)
		if (i < c) {
			d1 += distance[i] / c
			f1 += drifted[i] / c
		} else if (i > c) {
			d2 += distance[i] / (n_drift - c - 1)
			f2 += drifted[i] / (n_drift - c - 1)
		}
	printf "drift: mean distance %.3f before, %.3f after; features drifted" \
	    " %.1f before, %.1f after\n", d1, d2, f1, f2
}
