#include <stdbool.h>
#include <stddef.h>

#include "cache/command_util.h"

/*
 * Patterns of KEYS and SCAN. '*' is matched without recursion: on a mismatch
 * the last '*' takes one byte more, so the cost is at most the product of the
 * two lengths.
 */

/* Match one byte against the class at ${p} (behind '['). Sets *used. */
static bool
class_match(const char *p, size_t n, unsigned char c, size_t *used)
{
	const bool negate = n > 0 && p[0] == '^';
	size_t i = negate;
	bool found = false;
	unsigned char lo, hi, t;

	for (; i < n && p[i] != ']'; i++) {
		if (p[i] == '\\' && i + 1 < n) {
			found |= (unsigned char)p[++i] == c;
			continue;
		}
		lo = hi = (unsigned char)p[i];
		if (i + 2 < n && p[i + 1] == '-') {
			hi = (unsigned char)p[i + 2];
			i += 2;
		}
		if (lo > hi) {
			t = lo;
			lo = hi;
			hi = t;
		}
		found |= c >= lo && c <= hi;
	}
	*used = i < n ? i + 1 : n;
	return found != negate;
}

/* Match one byte against the element at ${p}; *used is its length. */
static bool
one_match(const char *p, size_t n, unsigned char c, size_t *used)
{
	bool r;

	*used = 1;
	switch (p[0]) {
	case '?':
		return true;
	case '[':
		r = class_match(p + 1, n - 1, c, used);
		(*used)++;
		return r;
	case '\\':
		if (n >= 2) {
			*used = 2;
			return (unsigned char)p[1] == c;
		}
		return c == '\\';
	default:
		return (unsigned char)p[0] == c;
	}
}

bool
pd_glob_match(const char *pat, size_t np, const char *s, size_t ns)
{
	size_t i = 0, p = 0, star_p = 0, star_i = 0, used;
	bool star = false;

	while (i < ns) {
		if (p < np && pat[p] == '*') {
			star = true;
			star_p = ++p;
			star_i = i;
			continue;
		}
		if (p < np &&
		    one_match(pat + p, np - p, (unsigned char)s[i], &used)) {
			p += used;
			i++;
			continue;
		}
		if (!star)
			return false;
		p = star_p;
		i = ++star_i;
	}
	while (p < np && pat[p] == '*')
		p++;
	return p == np;
}
