#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/num.h"
#include "data/event.h"
#include "data/logfield.h"
#include "data/logtime.h"

enum key_form { KEY_RAW, KEY_PATH, KEY_URL };
enum unit_form { UNIT_OWN, UNIT_S, UNIT_MS, UNIT_US };
enum hit_form { HIT_WORD, HIT_WITHIN };

static const struct {
	const char *name;
	enum pd_log_field field;
} names[] = {{"time", PD_LOG_TIME}, {"key", PD_LOG_KEY}, {"op", PD_LOG_OP},
    {"hit", PD_LOG_HIT}, {"size", PD_LOG_SIZE}, {"ttl", PD_LOG_TTL},
    {"latency", PD_LOG_LATENCY}, {"ns", PD_LOG_NS}, {"client", PD_LOG_CLIENT},
    {"request", PD_LOG_REQUEST}, {"status", PD_LOG_STATUS}, {"", PD_LOG_SKIP}};

static bool
same(struct pd_text_field f, const char *word)
{
	return strlen(word) == f.n && strncasecmp(f.p, word, f.n) == 0;
}

static int
key_form(struct pd_text_field f)
{
	return same(f, "raw")	 ? KEY_RAW
	       : same(f, "path") ? KEY_PATH
	       : same(f, "url")	 ? KEY_URL
				 : -1;
}

static int
unit_form(struct pd_text_field f)
{
	return same(f, "s")    ? UNIT_S
	       : same(f, "ms") ? UNIT_MS
	       : same(f, "us") ? UNIT_US
			       : -1;
}

static int
take_words(struct pd_log_spec *s, struct pd_text_field f)
{
	if (same(f, "within"))
		return HIT_WITHIN;
	if (f.n == 0 || f.n >= sizeof(s->words))
		return -1;
	memcpy(s->words, f.p, f.n);
	s->words[f.n] = '\0';
	return HIT_WORD;
}

int
pd_log_spec_parse(
    struct pd_log_spec *s, const char *name, size_t n, struct pd_err *err)
{
	const char *colon = memchr(name, ':', n);
	struct pd_text_field head = {name, n}, tail = {"", 0};

	memset(s, 0, sizeof(*s));
	s->field = PD_LOG_FIELDS + 1;
	if (colon != NULL) {
		head.n = (size_t)(colon - name);
		tail = (struct pd_text_field){colon + 1, n - head.n - 1};
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (pd_text_field_is(head, names[i].name))
			s->field = names[i].field;
	if (s->field > PD_LOG_SKIP)
		return pd_err_set(
		    err, "no field '%.*s'", (int)(n < 40 ? n : 40), name);
	if (colon == NULL)
		return 0;
	switch (s->field) {
	case PD_LOG_TIME:
		s->form = pd_logtime_form(tail.p, tail.n);
		break;
	case PD_LOG_KEY:
	case PD_LOG_REQUEST:
		s->form = key_form(tail);
		break;
	case PD_LOG_TTL:
	case PD_LOG_LATENCY:
		s->form = unit_form(tail);
		break;
	case PD_LOG_HIT:
		s->form = take_words(s, tail);
		break;
	default:
		s->form = -1;
	}
	if (s->form < 0)
		return pd_err_set(err, "a field has no form '%.*s'",
		    (int)(n < 40 ? n : 40), name);
	return 0;
}

/* --- hits ------------------------------------------------------------------
 */

/* 1 a hit, 0 a miss, -1 neither. */
static int
usual_word(struct pd_text_field f)
{
	static const struct {
		const char *word;
		int hit;
	} words[] = {{"HIT", 1}, {"MISS", 0}, {"STALE", 1}, {"UPDATING", 1},
	    {"REVALIDATED", 1}, {"EXPIRED", 0}, {"BYPASS", 0}, {"SCARCE", 0},
	    {"true", 1}, {"false", 0}, {"1", 1}, {"0", 0}, {"yes", 1},
	    {"no", 0}, {"y", 1}, {"n", 0}, {"found", 1}, {"not_found", 0},
	    {"TCP_HIT", 1}, {"TCP_MEM_HIT", 1}, {"TCP_MISS", 0}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (same(f, words[i].word))
			return words[i].hit;
	return -1;
}

static bool
listed(const char *words, struct pd_text_field f)
{
	size_t n;

	for (const char *p = words;; p += n + 1) {
		n = strcspn(p, "|");
		if (n == f.n && strncasecmp(p, f.p, n) == 0)
			return true;
		if (p[n] == '\0')
			return false;
	}
}

static bool
in_word(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

/* A cache's word in capitals somewhere in ${f}; n 0 where there is none. */
static struct pd_text_field
find_word(struct pd_text_field f)
{
	struct pd_text_field w = {f.p, 0};
	size_t i = 0;

	while (i < f.n) {
		while (i < f.n && !in_word(f.p[i]))
			i++;
		w.p = f.p + i;
		while (i < f.n && in_word(f.p[i]))
			i++;
		w.n = (size_t)(f.p + i - w.p);
		if (w.n > 2 && usual_word(w) >= 0)
			return w;
	}
	w.n = 0;
	return w;
}

void
pd_log_values_put(struct pd_log_values *v, const struct pd_log_spec *s,
    struct pd_text_field text, bool quoted)
{
	if (s->field == PD_LOG_SKIP || v->v[s->field].n > 0)
		return;
	if (s->field == PD_LOG_HIT && s->form == HIT_WITHIN)
		text = find_word(text);
	if (text.n == 0 || (text.n == 1 && text.p[0] == '-'))
		return;
	v->v[s->field] = text;
	v->spec[s->field] = s;
	v->quoted[s->field] = quoted;
}

/* --- keys ------------------------------------------------------------------
 */

/* Append ${f}, undoing \xHH, \n, \t, \r and a backslash before others. */
static void
unescape(struct pd_buf *b, struct pd_text_field f)
{
	int c, byte;

	for (size_t i = 0; i < f.n; i++) {
		c = (unsigned char)f.p[i];
		if (c == '\\' && i + 1 < f.n) {
			c = (unsigned char)f.p[++i];
			byte = c == 'x'
				   ? pd_parse_hex2(f.p + i + 1, f.n - i - 1)
				   : -1;
			if (byte >= 0) {
				c = byte;
				i += 2;
			} else if (c == 'n') {
				c = '\n';
			} else if (c == 't') {
				c = '\t';
			} else if (c == 'r') {
				c = '\r';
			}
		}
		pd_buf_addc(b, (char)c);
	}
}

/* Undo %HH in place, from ${at} on. */
static void
percent(struct pd_buf *b, size_t at)
{
	const char *p = (const char *)b->data;
	size_t to = at;
	int c;

	for (size_t i = at; i < b->len; i++) {
		c = p[i] == '%' ? pd_parse_hex2(p + i + 1, b->len - i - 1) : -1;
		if (c >= 0)
			i += 2;
		else
			c = (unsigned char)p[i];
		b->data[to++] = (uint8_t)c;
	}
	b->len = to;
}

/* The path of a URL: without scheme, host, query and fragment. */
static struct pd_text_field
path_of(struct pd_text_field f)
{
	const char *end = f.p + f.n, *p = f.p;

	for (; p + 2 < end; p++)
		if (memcmp(p, "://", 3) == 0) {
			p = memchr(p + 3, '/', (size_t)(end - p - 3));
			f.p = p != NULL ? p : end;
			f.n = (size_t)(end - f.p);
			break;
		} else if (*p == '/' || *p == '?') {
			break;
		}
	for (size_t i = 0; i < f.n; i++)
		if (f.p[i] == '?' || f.p[i] == '#')
			f.n = i;
	return f;
}

/* 0, or -1 out of memory. */
static int
take_key(struct pd_log_state *st, struct pd_text_field f, int form, bool quoted,
    struct pd_import_key *key)
{
	if (form == KEY_PATH)
		f = path_of(f);
	pd_buf_clear(&st->key);
	if (quoted)
		unescape(&st->key, f);
	else
		pd_buf_add(&st->key, f.p, f.n);
	if (st->key.failed)
		return -1;
	if (form == KEY_URL)
		percent(&st->key, 0);
	key->p = (const char *)st->key.data;
	key->n = st->key.len;
	return 0;
}

/* "GET /path HTTP/1.1" in its parts. 0 or -1. */
static int
split_request(struct pd_text_field f, struct pd_text_field *method,
    struct pd_text_field *target)
{
	const char *sp = memchr(f.p, ' ', f.n);
	const char *end;

	if (sp == NULL || sp == f.p)
		return -1;
	*method = (struct pd_text_field){f.p, (size_t)(sp - f.p)};
	target->p = sp + 1;
	target->n = f.n - method->n - 1;
	end = memchr(target->p, ' ', target->n);
	if (end != NULL)
		target->n = (size_t)(end - target->p);
	return target->n > 0 ? 0 : -1;
}

/* --- events ----------------------------------------------------------------
 */

static int
take_time(
    struct pd_log_state *st, const struct pd_log_values *v, struct pd_event *e)
{
	static const enum pd_logtime own[] = {PD_LOGTIME_S, PD_LOGTIME_MS,
	    PD_LOGTIME_US, PD_LOGTIME_AUTO, PD_LOGTIME_AUTO};
	const struct pd_text_field f = v->v[PD_LOG_TIME];
	enum pd_logtime form;

	if (st->unit == PD_TIME_SEQ) {
		e->time_us = st->records;
		return 0;
	}
	if (f.n == 0)
		return -1;
	form = (enum pd_logtime)v->spec[PD_LOG_TIME]->form;
	if (form == PD_LOGTIME_AUTO && memchr(f.p, '-', f.n) == NULL &&
	    memchr(f.p, '/', f.n) == NULL)
		form = own[st->unit];
	return pd_logtime_parse(f.p, f.n, form, &e->time_us);
}

/* A time in the unit of its form, in units of 1/${per_us} us. -1 no time; a
 * negative one, by which some logs say that there is none, is 0. */
static int
take_span(const struct pd_log_values *v, enum pd_log_field field,
    enum unit_form own, uint64_t *us)
{
	static const uint64_t scale[] = {0, 1000000, 1000, 1};
	struct pd_text_field f = v->v[field];
	int form;

	*us = 0;
	if (f.n == 0 || f.p[0] == '-')
		return 0;
	form = v->spec[field]->form;
	if (f.p[0] == '+') { /* "at least" */
		f.p++;
		f.n--;
	}
	return pd_text_field_time(
	    f, scale[form == UNIT_OWN ? own : (enum unit_form)form], us);
}

static int
take_hit(
    struct pd_log_state *st, const struct pd_log_values *v, struct pd_event *e)
{
	const struct pd_text_field f = v->v[PD_LOG_HIT];
	int hit;

	st->told_hit = f.n > 0;
	if (f.n == 0)
		return 0;
	if (v->spec[PD_LOG_HIT]->words[0] != '\0')
		hit = listed(v->spec[PD_LOG_HIT]->words, f);
	else
		hit = usual_word(f);
	if (hit > 0)
		e->flags |= PD_EV_HIT;
	return hit < 0 ? -1 : 0;
}

/* The size of a whole value: not that of a part, an error, or no body. */
static int
take_size(struct pd_log_state *st, const struct pd_log_values *v, bool head,
    struct pd_event *e, const struct pd_import_key *key)
{
	struct pd_text_field f = v->v[PD_LOG_SIZE];
	const struct pd_text_field status = v->v[PD_LOG_STATUS];
	bool whole = !head && f.n > 0;
	uint32_t size = 0;

	if (f.n > 0 && f.p[0] == '+') {
		f.p++;
		f.n--;
	}
	if (f.n > 0 && pd_text_field_u32(f, &size))
		return -1;
	if (status.n > 0)
		whole = whole && status.p[0] == '2' &&
			!pd_text_field_is(status, "206");
	if (whole)
		pd_sizes_put(&st->sizes, key, size);
	e->size = pd_sizes_get(&st->sizes, key);
	return 0;
}

static void
take_names(const struct pd_log_values *v, struct pd_event *e,
    struct pd_import_key *key)
{
	const struct pd_text_field ns = v->v[PD_LOG_NS];
	const struct pd_text_field client = v->v[PD_LOG_CLIENT];

	key->db = 0;
	key->ns_name = ns.n > 0 && pd_text_field_u32(ns, &e->ns) != 0;
	if (key->ns_name)
		e->ns = (uint32_t)pd_hash64(ns.p, ns.n, 0);
	if (client.n > 0)
		e->client = (uint32_t)pd_hash64(client.p, client.n, 0);
}

/* The fields but the key and those of the request. The reason, or NULL. */
static const char *
take_rest(struct pd_log_state *st, const struct pd_log_values *v,
    struct pd_event *e, enum pd_log_field *bad)
{
	uint64_t us;

	*bad = PD_LOG_TIME;
	if (take_time(st, v, e))
		return "no time";
	*bad = PD_LOG_HIT;
	if (take_hit(st, v, e))
		return "neither hit nor miss";
	*bad = PD_LOG_LATENCY;
	if (take_span(v, PD_LOG_LATENCY, UNIT_US, &us))
		return "no latency";
	e->latency_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	*bad = PD_LOG_TTL;
	if (take_span(v, PD_LOG_TTL, UNIT_S, &us))
		return "no time to live";
	e->ttl_ms = us / 1000;
	e->flags |= us > 0 ? PD_EV_TTL : 0;
	return NULL;
}

int
pd_log_event(struct pd_log_state *st, const struct pd_log_values *v,
    struct pd_event *e, struct pd_import_key *key, const char **why,
    struct pd_text_field *what)
{
	struct pd_text_field op = v->v[PD_LOG_OP], target = v->v[PD_LOG_KEY];
	enum pd_log_field from = PD_LOG_KEY, bad;
	int o = PD_OP_GET;

	*what = v->v[PD_LOG_REQUEST];
	*why = "no request";
	if (target.n == 0 && what->n > 0) {
		from = PD_LOG_REQUEST;
		if (split_request(*what, &op, &target))
			return PD_LOG_REJECT;
	}
	*why = "no key";
	*what = (struct pd_text_field){"", 0};
	if (target.n == 0)
		return PD_LOG_REJECT;
	*what = op;
	*why = "no operation";
	if (op.n > 0 && (o = pd_text_field_op(op)) < 0)
		return PD_LOG_REJECT;
	e->op = (uint8_t)o;
	if ((*why = take_rest(st, v, e, &bad)) != NULL) {
		*what = v->v[bad];
		return PD_LOG_REJECT;
	}
	if (o == PD_OP_OTHER)
		return PD_LOG_IGNORE;
	if (take_key(st, target, v->spec[from]->form, v->quoted[from], key))
		return -1;
	take_names(v, e, key);
	*what = v->v[PD_LOG_SIZE];
	*why = "no size";
	if (take_size(st, v, same(op, "head"), e, key))
		return PD_LOG_REJECT;
	st->records++;
	return PD_LOG_EVENT;
}
