#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/resp.h"

#define ARGS_FIRST 8
#define ARGS_KEEP 64 /* argv is not kept larger than this between commands */
#define UNAUTH_ARGS 10
#define UNAUTH_BULK 16384
#define FAR UINT32_MAX /* in place of an offset */
#define DIGITS 4       /* of numbers that are parsed without a search */
#define QUICK_DIGITS 5
#define QUICK_MOST 10000 /* a number below it may have one more digit */

void
pd_resp_init(struct pd_resp *r)
{
	memset(r, 0, sizeof(*r));
	r->bulk = -1;
	r->keep_max = PD_RESP_BULK_MAX;
}

void
pd_resp_release(struct pd_resp *r)
{
	free(r->argv);
	pd_buf_release(&r->words);
	pd_resp_init(r);
}

void
pd_resp_next(struct pd_resp *r)
{
	if (r->cap > ARGS_KEEP) {
		free(r->argv);
		r->argv = NULL;
		r->cap = 0;
	}
	r->argc = 0;
	r->len = 0;
	r->left = 0;
	r->bulk = -1;
	r->oversize = false;
	r->dropped = r->no_room = r->no_memory = false;
	r->far = NULL;
	r->far_size = r->far_got = 0;
	r->far_coming = false;
}

size_t
pd_resp_missing(const struct pd_resp *r, size_t n)
{
	const size_t want = r->bulk < 0 || r->discard > 0 || r->far_coming
				? 0
				: r->len + (size_t)r->bulk + 2;

	return want > n ? want - n : 0;
}

static enum pd_resp_status
fail(struct pd_resp *r, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s", why);
	return PD_RESP_ERROR;
}

static int
add_arg(struct pd_resp *r, size_t at, size_t n)
{
	struct pd_arg *p;
	uint32_t cap;

	if (r->argc == r->cap) {
		cap = r->cap == 0 ? ARGS_FIRST : r->cap * 2;
		p = realloc(r->argv, cap * sizeof(*p));
		if (p == NULL)
			return -1;
		r->argv = p;
		r->cap = cap;
	}
	r->argv[r->argc++] =
	    (struct pd_arg){.at = (uint32_t)at, .n = (uint32_t)n};
	return 0;
}

/* One character, maybe escaped, within double quotes. Returns its length. */
static size_t
unescape(const char *p, size_t n, char *out)
{
	static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
	const char *f;
	int byte = -1;

	if (n >= 4 && p[0] == '\\' && p[1] == 'x')
		byte = pd_parse_hex2(p + 2, n - 2);
	if (byte >= 0) {
		*out = (char)byte;
		return 4;
	}
	if (n >= 2 && p[0] == '\\') {
		f = p[1] == '\0' ? NULL : strchr(from, p[1]);
		*out = f != NULL ? to[f - from] : p[1];
		return 2;
	}
	*out = p[0];
	return 1;
}

/* A word within quotes, ${p} behind the first. Returns the bytes up to behind
 * the closing quote, or 0 when it is unbalanced. */
static size_t
quoted(struct pd_buf *words, const char *p, size_t n, char quote)
{
	size_t i = 0;
	char c;

	while (i < n) {
		if (p[i] == quote) {
			i++;
			return i < n && !isspace((unsigned char)p[i]) ? 0 : i;
		}
		if (quote == '"') {
			i += unescape(p + i, n - i, &c);
		} else if (p[i] == '\\' && i + 1 < n && p[i + 1] == '\'') {
			c = '\'';
			i += 2;
		} else {
			c = p[i++];
		}
		pd_buf_addc(words, c);
	}
	return 0;
}

int
pd_resp_split(struct pd_buf *words, const char *line, size_t n,
    int (*fn)(void *cookie, size_t at, size_t len), void *cookie)
{
	size_t i = 0, at, used;

	for (;;) {
		while (i < n && isspace((unsigned char)line[i]))
			i++;
		if (i == n)
			return words->failed ? -1 : 0;
		at = words->len;
		while (i < n && !isspace((unsigned char)line[i])) {
			if (line[i] == '"' || line[i] == '\'') {
				used = quoted(
				    words, line + i + 1, n - i - 1, line[i]);
				if (used == 0)
					return -1;
				i += 1 + used;
				break;
			}
			pd_buf_addc(words, line[i++]);
		}
		if (fn(cookie, at, words->len - at))
			return -1;
	}
}

static int
add_word(void *cookie, size_t at, size_t len)
{
	return add_arg(cookie, at, len);
}

static enum pd_resp_status
parse_inline(struct pd_resp *r, const char *data, size_t n)
{
	const char *nl = memchr(data, '\n', n);
	size_t line;
	uint32_t i;

	if (nl == NULL)
		return n > PD_RESP_INLINE_MAX
			   ? fail(r, "too big inline request")
			   : PD_RESP_MORE;
	line = (size_t)(nl - data);
	r->len = line + 1;
	if (line > 0 && data[line - 1] == '\r')
		line--;
	pd_buf_clear(&r->words);
	if (pd_resp_split(&r->words, data, line, add_word, r))
		return fail(r, "unbalanced quotes in request");
	for (i = 0; i < r->argc; i++)
		r->argv[i].p = (const char *)r->words.data + r->argv[i].at;
	return PD_RESP_COMMAND;
}

/* As parse_length(), for a small number just as any client writes it. False:
 * it is something else, or not whole. */
static inline bool
parse_small(struct pd_resp *r, const char *data, size_t n, int64_t *v)
{
	const char *p = data + r->len + 1;
	unsigned i, d, x = 0;

	if (n - r->len < DIGITS + 3 || p[0] == '0')
		return false;
	for (i = 0; i < DIGITS && (d = (unsigned)(p[i] - '0')) < 10; i++)
		x = x * 10 + d;
	if (i == 0 || p[i] != '\r')
		return false;
	*v = x;
	r->len += i + 3;
	return true;
}

/*
 * The number of a line "?NNN\r\n" at r->len. 1 and r->len behind the line; 0
 * when more is needed; -1 when it is no number.
 */
static int
parse_length(struct pd_resp *r, const char *data, size_t n, int64_t *v)
{
	const char *p = data + r->len, *cr;

	if (parse_small(r, data, n, v))
		return 1;
	cr = memchr(p, '\r', n - r->len);
	if (cr == NULL || (size_t)(cr - data) + 2 > n)
		return 0;
	r->len = (size_t)(cr - data) + 2;
	if (pd_parse_i64n(p + 1, (size_t)(cr - p) - 1, v))
		return -1;
	return 1;
}

static bool
line_too_long(const struct pd_resp *r, const char *data, size_t n)
{
	return n - r->len > PD_RESP_INLINE_MAX &&
	       memchr(data + r->len, '\r', n - r->len) == NULL;
}

/* The "*N" line. PD_RESP_COMMAND with argc 0 for an empty request. */
static enum pd_resp_status
parse_count(struct pd_resp *r, const char *data, size_t n)
{
	int64_t v = 0;
	int got = parse_length(r, data, n, &v);

	if (got == 0)
		return line_too_long(r, data, n)
			   ? fail(r, "too big mbulk count string")
			   : PD_RESP_MORE;
	if (got < 0 || v > PD_RESP_ARGS_MAX)
		return fail(r, "invalid multibulk length");
	if (v > UNAUTH_ARGS && r->unauthenticated)
		return fail(r, "unauthenticated multibulk length");
	if (v <= 0)
		return PD_RESP_COMMAND;
	r->left = v;
	return PD_RESP_MORE;
}

/* A "$N" line. */
static enum pd_resp_status
parse_bulk_length(struct pd_resp *r, const char *data, size_t n)
{
	char why[] = "expected '$', got '?'";
	int64_t v = 0;
	int got;

	if (n == r->len)
		return PD_RESP_MORE;
	/* The line must be whole before its first byte is judged wrong. */
	if (data[r->len] != '$' &&
	    memchr(data + r->len, '\r', n - r->len) == NULL)
		return line_too_long(r, data, n)
			   ? fail(r, "too big bulk count string")
			   : PD_RESP_MORE;
	if (data[r->len] != '$') {
		why[sizeof(why) - 3] = data[r->len];
		return fail(r, why);
	}
	if ((got = parse_length(r, data, n, &v)) == 0)
		return line_too_long(r, data, n)
			   ? fail(r, "too big bulk count string")
			   : PD_RESP_MORE;
	if (got < 0 || v < 0 || v > PD_RESP_BULK_MAX)
		return fail(r, "invalid bulk length");
	if (v > UNAUTH_BULK && r->unauthenticated)
		return fail(r, "unauthenticated bulk length");
	r->bulk = v;
	if (v > r->keep_max)
		pd_resp_drop(r);
	return PD_RESP_MORE;
}

void
pd_resp_drop(struct pd_resp *r)
{
	r->oversize = r->dropped = true;
	r->discard = (uint64_t)r->bulk + 2;
}

void
pd_resp_far(struct pd_resp *r, uint8_t *p)
{
	r->far = p;
	r->far_size = (size_t)r->bulk + 2;
	r->far_got = 0;
	r->far_at = r->len;
	r->far_coming = true;
}

/* The word under way, if it is all there. */
static bool
word_whole(const struct pd_resp *r, size_t n)
{
	if (r->far_coming)
		return r->far_got == r->far_size;
	/* A dropped word is gone by now, line end and all. */
	return r->dropped || n - r->len >= (size_t)r->bulk + 2;
}

static enum pd_resp_status
parse_words(struct pd_resp *r, const char *data, size_t n)
{
	enum pd_resp_status s;
	uint32_t i;

	while (r->left > 0) {
		if (r->bulk < 0) {
			s = parse_bulk_length(r, data, n);
			if (s != PD_RESP_MORE || r->bulk < 0)
				return s;
		}
		if (r->discard > 0)
			return PD_RESP_MORE;
		if (!word_whole(r, n))
			return PD_RESP_MORE;
		if (add_arg(r, r->far_coming ? FAR : r->len,
			r->dropped ? 0 : (size_t)r->bulk))
			return fail(r, "out of memory");
		if (!r->dropped && !r->far_coming)
			r->len += (size_t)r->bulk + 2;
		r->dropped = r->far_coming = false;
		r->bulk = -1;
		r->left--;
	}
	for (i = 0; i < r->argc; i++)
		r->argv[i].p = r->argv[i].at == FAR ? (const char *)r->far
						    : data + r->argv[i].at;
	return PD_RESP_COMMAND;
}

enum pd_resp_status
pd_resp_parse(struct pd_resp *r, const char *data, size_t n)
{
	enum pd_resp_status s;

	if (r->left == 0) {
		if (n == 0)
			return PD_RESP_MORE;
		if (data[0] != '*')
			return parse_inline(r, data, n);
		s = parse_count(r, data, n);
		if (s != PD_RESP_MORE || r->left == 0)
			return s;
	}
	return parse_words(r, data, n);
}

/* The number of a line "?NNN\r\n" at ${p}, as parse_small(). Returns what is
 * behind the line, or NULL. */
static inline const char *
quick_length(const char *p, const char *end, uint32_t *v)
{
	uint32_t x, d;

	if (end - p < QUICK_DIGITS + 3 || (x = (uint8_t)p[1] - '0') > 9)
		return NULL;
	if (p[2] == '\r') { /* the most usual */
		*v = x;
		return p + 4;
	}
	if (x == 0)
		return NULL;
	for (p += 2; (d = (uint8_t)*p - '0') < 10 && x < QUICK_MOST; p++)
		x = x * 10 + d;
	*v = x;
	return *p == '\r' ? p + 2 : NULL;
}

uint32_t
pd_resp_quick(const char *data, size_t n, uint32_t longest, struct pd_arg *argv,
    uint32_t max, size_t *len)
{
	const char *p = data, *const end = data + n;
	uint32_t argc, i, bulk;

	if (*p != '*' || (p = quick_length(p, end, &argc)) == NULL ||
	    argc > max)
		return 0;
	for (i = 0; i < argc; i++) {
		if (p == end || *p != '$' ||
		    (p = quick_length(p, end, &bulk)) == NULL ||
		    bulk > longest || (size_t)(end - p) < (size_t)bulk + 2)
			return 0;
		argv[i] = (struct pd_arg){.p = p, .n = bulk};
		p += bulk + 2;
	}
	*len = (size_t)(p - data);
	return argc;
}
