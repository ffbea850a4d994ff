#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "data/event.h"
#include "data/sample.h"

static const char *const scheme_names[] = {"none", "key", "event", "window"};

const char *
pd_scheme_name(enum pd_scheme s)
{
	return scheme_names[s];
}

int
pd_scheme_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(scheme_names) / sizeof(*scheme_names);
	     i++)
		if (strcmp(name, scheme_names[i]) == 0)
			return (int)i;
	return -1;
}

unsigned
pd_rates_on(const struct pd_rates *r)
{
	unsigned on = 0, i;

	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
		if (r->of[i] > 0)
			on |= 1u << i;
	return on;
}

/* The scheme that ${n} bytes name, or -1: there is none to sample by. */
static int
scheme_of(const char *p, size_t n)
{
	for (unsigned i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
		if (strlen(scheme_names[i]) == n &&
		    memcmp(scheme_names[i], p, n) == 0)
			return (int)i;
	return -1;
}

int
pd_rates_parse_by(const char *text, unsigned *by, struct pd_err *err)
{
	unsigned bits = 0;
	int scheme;
	size_t n;

	for (;; text += n + 1) {
		n = strcspn(text, ",");
		if ((scheme = scheme_of(text, n)) < 0)
			return pd_err_set(err,
			    "argument must be 'key', 'event' or 'window', or "
			    "several of them with commas");
		bits |= 1u << (unsigned)scheme;
		if (text[n] == '\0')
			break;
	}
	*by = bits;
	return 0;
}

/* One "key=0.1%" of ${n} bytes. */
static int
parse_one(const char *p, size_t n, struct pd_rates *r, struct pd_err *err)
{
	const char *eq = memchr(p, '=', n);
	char share[64];
	int scheme;
	size_t len;

	scheme = eq == NULL ? -1 : scheme_of(p, (size_t)(eq - p));
	if (scheme < 0)
		return pd_err_set(err,
		    "argument must be a share, or key=SHARE, event=SHARE, "
		    "window=SHARE with commas between them");
	len = n - (size_t)(eq + 1 - p);
	if (len >= sizeof(share))
		return pd_err_set(err, "argument must be from 0 to 1");
	memcpy(share, eq + 1, len);
	share[len] = '\0';
	return pd_parse_share(share, &r->of[scheme], err);
}

int
pd_rates_parse(
    const char *text, unsigned by, struct pd_rates *r, struct pd_err *err)
{
	struct pd_rates to = *r;
	double all;
	size_t n;

	if (strchr(text, '=') == NULL) {
		if (pd_parse_share(text, &all, err))
			return -1;
		for (unsigned i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
			if (by >> i & 1)
				to.of[i] = all;
		*r = to;
		return 0;
	}
	for (;; text += n + 1) {
		n = strcspn(text, ",");
		if (parse_one(text, n, &to, err))
			return -1;
		if (text[n] == '\0')
			break;
	}
	*r = to;
	return 0;
}

void
pd_rates_set_by(struct pd_rates *r, unsigned by)
{
	double rate = 0;
	unsigned i;

	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
		if (r->of[i] > rate)
			rate = r->of[i];
	if (rate == 0)
		rate = PD_RATE_DEFAULT;
	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
		if ((by >> i & 1) == 0)
			r->of[i] = 0;
		else if (r->of[i] == 0)
			r->of[i] = rate;
}

void
pd_rates_format(const struct pd_rates *r, struct pd_buf *out)
{
	double one = 0;
	bool differ = false, begun = false;
	unsigned i;

	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++) {
		differ |= one > 0 && r->of[i] > 0 && r->of[i] != one;
		if (r->of[i] > 0)
			one = r->of[i];
	}
	if (!differ) {
		pd_buf_printf(out, "%g", one);
		return;
	}
	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++) {
		if (r->of[i] <= 0)
			continue;
		pd_buf_printf(out, "%s%s=%g", begun ? "," : "", scheme_names[i],
		    r->of[i]);
		begun = true;
	}
}

void
pd_rates_format_by(const struct pd_rates *r, struct pd_buf *out)
{
	bool begun = false;

	for (unsigned i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++) {
		if (r->of[i] <= 0)
			continue;
		if (begun)
			pd_buf_addstr(out, ",");
		pd_buf_addstr(out, scheme_names[i]);
		begun = true;
	}
}

void
pd_sampler_init(struct pd_sampler *s, enum pd_scheme scheme, double rate,
    uint64_t salt, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	if (!(rate > 0x1p-60))
		rate = 0x1p-60;
	if (rate > 1)
		rate = 1;
	s->scheme = scheme;
	s->rate = rate;
	s->mul = pd_mix64(salt) | 1;
	s->limit = rate < 1 ? (uint64_t)(rate * 0x1p64) - 1 : UINT64_MAX;
	s->inv_log = rate < 1 ? 1 / log1p(-rate) : 0;
	s->window_us = PD_SAMPLE_WINDOW_US;
	pd_rng_init(&s->rng, seed);
	s->skip = pd_sampler_draw(s);
}

uint64_t
pd_sampler_draw(struct pd_sampler *s)
{
	const double u = pd_rng_double(&s->rng);
	const double k = log1p(-u) * s->inv_log; /* 1 - u is in (0, 1] */

	return 1 + (k < 0x1p62 ? (uint64_t)k : (uint64_t)1 << 62);
}

bool
pd_sampler_window(struct pd_sampler *s, uint64_t time_us)
{
	const uint64_t n = time_us / s->window_us;

	s->window_from = n * s->window_us;
	s->window_to = s->window_from + s->window_us;
	s->window_on = pd_mix64(pd_mix64(n) ^ s->mul) <= s->limit;
	return s->window_on;
}

bool
pd_sample(struct pd_sampler *s, uint64_t hash, uint64_t time_us)
{
	switch (s->scheme) {
	case PD_SAMPLE_KEY:
		return pd_sample_key(s, hash);
	case PD_SAMPLE_EVENT:
		return pd_sample_event(s);
	case PD_SAMPLE_WINDOW:
		return pd_sample_window(s, time_us);
	case PD_SAMPLE_NONE:
		break;
	}
	return true;
}

/* Keeps the slots of a key's accesses and of its other events apart. */
#define OTHER 0x9e3779b97f4a7c15ULL

void
pd_keycap_init(struct pd_keycap *c, double rate)
{
	memset(c, 0, sizeof(*c));
	pd_keycap_set_rate(c, rate);
}

void
pd_keycap_set_rate(struct pd_keycap *c, double rate)
{
	if (!(rate > 0x1p-40))
		rate = 0x1p-40;
	c->forgotten += pd_keycap_owed(c);
	c->ticks = (uint64_t)(PD_KEYCAP_PERIOD / rate);
	memset(c->slot, 0, sizeof(c->slot));
}

static bool
period_over(const struct pd_keycap *c, const struct pd_keycap_slot *s,
    const struct pd_event *e)
{
	/* A fill has the tick of the miss, which may be before. */
	return (int64_t)(e->tick - s->from) >= (int64_t)c->ticks;
}

/* How much is lost when a slot is taken from its key: the busier the more. */
static uint64_t
worth(const struct pd_keycap *c, const struct pd_keycap_slot *s,
    const struct pd_event *e)
{
	const uint64_t seen = period_over(c, s, e) ? 0 : s->seen;

	return 2 * seen + (s->skipped > 0);
}

/* The slot of a key, in its period. */
static struct pd_keycap_slot *
slot_of(struct pd_keycap *c, uint64_t key, const struct pd_event *e)
{
	struct pd_keycap_slot *set = c->slot[pd_mix64(key) % PD_KEYCAP_SETS];
	struct pd_keycap_slot *s = set;

	for (size_t i = 0; i < PD_KEYCAP_WAYS; i++) {
		if (set[i].key == key && set[i].seen > 0) {
			s = &set[i];
			if (period_over(c, s, e))
				goto begin;
			return s;
		}
		if (worth(c, &set[i], e) < worth(c, s, e))
			s = &set[i];
	}
	c->forgotten += s->skipped;
	s->skipped = 0;
	s->key = key;
begin:
	s->from = e->tick;
	s->seen = 0;
	return s;
}

uint32_t
pd_keycap_take(struct pd_keycap *c, const struct pd_event *e)
{
	const uint64_t lane = pd_event_is_access(e) ? 0 : OTHER;
	struct pd_keycap_slot *s = slot_of(c, e->key ^ lane, e);
	uint32_t n = s->seen, stride, weight;

	/* Stride 2^j holds FREE * 2^j events from FREE * (2^j - 1) on. */
	stride = 1u << (31 - (uint32_t)__builtin_clz(n / PD_KEYCAP_FREE + 1));
	n -= PD_KEYCAP_FREE * (stride - 1);
	s->seen++;
	if ((n & (stride - 1)) != stride - 1) {
		s->skipped++;
		return 0;
	}
	weight = s->skipped + 1;
	s->skipped = 0;
	return weight;
}

uint64_t
pd_keycap_owed(const struct pd_keycap *c)
{
	uint64_t n = 0;

	for (size_t i = 0; i < PD_KEYCAP_SETS; i++)
		for (size_t k = 0; k < PD_KEYCAP_WAYS; k++)
			n += c->slot[i][k].skipped;
	return n;
}
