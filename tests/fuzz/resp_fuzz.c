/*
 * Requests from hostile bytes: parsed whole and in pieces (the first byte
 * seeds their sizes), and with longer words in memory of their own, the
 * commands must be the same. Words must lie within what was given. What
 * pd_resp_quick() takes must be the same too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "cache/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define QUICK_ARGS 8
#define KEEP_MAX 64

/* A command of ${n} words that pd_resp_quick() found, and the parser. */
static void
same(const struct pd_resp *r, const struct pd_arg *argv, uint32_t n, size_t len)
{
	uint32_t i;

	if (n != r->argc || len != r->len || r->oversize)
		abort();
	for (i = 0; i < n; i++)
		if (argv[i].p != r->argv[i].p || argv[i].n != r->argv[i].n ||
		    argv[i].hash != 0)
			abort();
}

/* What there is of the word under way, at the end of ${have} bytes, goes to
 * memory of its own. Returns how many bytes are left. */
static size_t
move_far(struct pd_resp *r, const char *at, size_t have)
{
	const size_t missing = r->far_size - r->far_got;
	const size_t n = have < missing ? have : missing;

	if (r->far == NULL)
		abort();
	memcpy(r->far + r->far_got, at, n);
	r->far_got += n;
	return have - n;
}

static void
begin_far(struct pd_resp *r)
{
	uint8_t *p = malloc((size_t)r->bulk + 2);

	if (p == NULL)
		abort();
	pd_resp_far(r, p);
}

/* A digest of the commands of ${n} bytes, fed ${step} at a time; words of
 * ${far} bytes or more go to memory of their own. */
static uint64_t
digest(const uint8_t *p, size_t n, size_t step, int64_t far)
{
	struct pd_arg quick[QUICK_ARGS];
	struct pd_resp r;
	enum pd_resp_status st = PD_RESP_MORE;
	uint64_t h = 1;
	size_t at = 0, have = 0, fed = 0, cut, len = 0, left;
	char *buf = malloc(n + 1);
	uint32_t i, nquick;

	if (buf == NULL)
		abort();
	pd_resp_init(&r);
	r.keep_max = KEEP_MAX;
	while (fed < n && st != PD_RESP_ERROR) {
		cut = n - fed < step ? n - fed : step;
		memcpy(buf + have, p + fed, cut);
		have += cut;
		fed += cut;
		for (;;) {
			if (r.discard > 0) {
				cut = have - at - r.len;
				if (cut > r.discard)
					cut = (size_t)r.discard;
				memmove(buf + at + r.len,
				    buf + at + r.len + cut,
				    have - at - r.len - cut);
				have -= cut;
				r.discard -= cut;
			}
			nquick = 0;
			if (r.len == 0 && r.left == 0 && have > at)
				nquick = pd_resp_quick(buf + at, have - at,
				    KEEP_MAX, quick, QUICK_ARGS, &len);
			st = pd_resp_parse(&r, buf + at, have - at);
			if (nquick > 0 && st != PD_RESP_COMMAND)
				abort();
			if (nquick > 0)
				same(&r, quick, nquick, len);
			if (st == PD_RESP_MORE && r.discard > 0 &&
			    have > at + r.len)
				continue;
			if (st == PD_RESP_MORE && r.bulk >= far &&
			    r.far == NULL && !r.dropped)
				begin_far(&r);
			if (st == PD_RESP_MORE && r.far_coming &&
			    have > at + r.len) {
				cut = have - at - r.len;
				left = move_far(&r, buf + at + r.len, cut);
				memmove(buf + at + r.len,
				    buf + at + r.len + cut - left, left);
				have -= cut - left;
				continue;
			}
			if (st != PD_RESP_COMMAND)
				break;
			if (r.len > have - at)
				abort();
			h = pd_mix64(h + r.argc + (r.oversize ? 7 : 0));
			for (i = 0; i < r.argc; i++)
				h = pd_hash64(r.argv[i].p, r.argv[i].n, h);
			at += r.len;
			free(r.far);
			pd_resp_next(&r);
		}
	}
	if (st == PD_RESP_ERROR)
		h = pd_hash64(r.error, strlen(r.error), h);
	free(r.far);
	pd_resp_release(&r);
	free(buf);
	return h;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint64_t whole;

	if (n < 2 || n > 100000)
		return 0;
	whole = digest(p + 1, n - 1, n, INT64_MAX);

	if (digest(p + 1, n - 1, 1u + p[0], INT64_MAX) != whole ||
	    digest(p + 1, n - 1, 1u + p[0], 5) != whole)
		abort();
	return 0;
}
