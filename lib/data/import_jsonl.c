/*
 * Lines of JSON objects. Which member is which field says a list
 *	field[:form]=member ...
 * of names, with dots for members of members. Without one, the members are
 * called as the fields, or as the field and its unit (time_ms, ttl_s,
 * latency_us, size_bytes), or @timestamp, timestamp, ts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/event.h"
#include "data/import.h"
#include "data/logfield.h"
#include "io/jsonin.h"
#include "io/lines.h"

#define MEMBERS 32
#define NUMBER_MAX 32

struct member {
	struct pd_log_spec spec;
	char path[96]; /* names, each ended by NUL, then an empty one */
};

struct jsonl {
	struct pd_import_text text; /* first */
	struct member member[MEMBERS];
	size_t members;
	struct pd_log_state state;
	json_t *object; /* of the line; the values borrow from it */
	char number[PD_LOG_FIELDS][NUMBER_MAX];
};

static void
jsonl_close(void *src)
{
	struct jsonl *j = src;

	if (j == NULL)
		return;
	json_decref(j->object);
	pd_import_text_release(&j->text);
	pd_buf_release(&j->state.key);
	free(j);
}

/* "field[:form]=a.b". 0, or -1 with a message. */
static int
add_member(struct jsonl *j, const char *s, size_t n, struct pd_err *err)
{
	const char *eq = memchr(s, '=', n);
	struct member *m = &j->member[j->members];
	size_t len;

	if (eq == NULL || eq + 1 == s + n)
		return pd_err_set(err, "'%.*s' is not FIELD=MEMBER",
		    (int)(n < 60 ? n : 60), s);
	len = n - (size_t)(eq - s) - 1;
	if (j->members == MEMBERS || len + 2 > sizeof(m->path))
		return pd_err_set(err, "too many members, or too long: '%.*s'",
		    (int)(n < 60 ? n : 60), s);
	if (pd_log_spec_parse(&m->spec, s, (size_t)(eq - s), err))
		return -1;
	memcpy(m->path, eq + 1, len);
	for (size_t i = 0; i < len; i++)
		if (m->path[i] == '.')
			m->path[i] = '\0';
	m->path[len] = m->path[len + 1] = '\0';
	j->members++;
	return 0;
}

static int
add_members(struct jsonl *j, const char *list, struct pd_err *err)
{
	size_t n;

	for (;; list += n) {
		list += strspn(list, " \t\n");
		if ((n = strcspn(list, " \t\n")) == 0)
			return 0;
		if (add_member(j, list, n, err))
			return -1;
	}
}

static void *
jsonl_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	static const char usual[] =
	    "time=time time:s=time_s time:ms=time_ms time:us=time_us "
	    "time=@timestamp time=timestamp time=ts key=key op=op hit=hit "
	    "size=size size=size_bytes ttl=ttl ttl:s=ttl_s ttl:ms=ttl_ms "
	    "latency=latency latency:ms=latency_ms latency:us=latency_us "
	    "ns=ns client=client request=request status=status";
	struct jsonl *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	j->state.unit = o->unit;
	if (pd_import_text_open(&j->text, path, o, err))
		goto err0;
	for (size_t i = 0; i < o->patterns; i++)
		if (add_members(j, o->pattern[i], err))
			goto err0;
	if (o->patterns == 0 && add_members(j, usual, err))
		goto err0;
	return j;
err0:
	jsonl_close(j);
	return NULL;
}

static const json_t *
find(const json_t *v, const char *path)
{
	for (; v != NULL && *path != '\0'; path += strlen(path) + 1)
		v = json_object_get(v, path);
	return v;
}

/* A value as text; n 0 for null, objects and arrays. */
static struct pd_text_field
text_of(const json_t *v, char *number)
{
	struct pd_text_field f = {number, 0};
	int n = 0;

	if (json_is_string(v)) {
		f.p = json_string_value(v);
		f.n = json_string_length(v);
		return f;
	}
	if (json_is_boolean(v))
		n = snprintf(number, NUMBER_MAX, "%s",
		    json_is_true(v) ? "true" : "false");
	else if (json_is_integer(v))
		n = snprintf(number, NUMBER_MAX, "%lld",
		    (long long)json_integer_value(v));
	else if (json_is_real(v))
		n = snprintf(number, NUMBER_MAX, "%.6f", json_real_value(v));
	f.n = n > 0 && n < NUMBER_MAX ? (size_t)n : 0;
	return f;
}

static void
take_values(struct jsonl *j, struct pd_log_values *v)
{
	memset(v, 0, sizeof(*v));
	for (size_t i = 0; i < j->members; i++) {
		const struct member *m = &j->member[i];
		const json_t *value = find(j->object, m->path);

		if (value == NULL || m->spec.field == PD_LOG_SKIP ||
		    v->v[m->spec.field].n > 0)
			continue;
		pd_log_values_put(v, &m->spec,
		    text_of(value, j->number[m->spec.field]), false);
	}
}

static int
jsonl_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	static const struct pd_jsonin_limits limits = {
	    .bytes = PD_LINE_MAX, .containers = 1024, .values = 16384};
	struct jsonl *j = src;
	struct pd_log_values v;
	struct pd_text_field what;
	const char *why;
	char *line;
	size_t n;
	int rc;

	for (;;) {
		if ((rc = pd_import_text_line(&j->text, &line, &n, err)) != 1)
			return rc;
		json_decref(j->object);
		j->object = pd_jsonin_parse(line, n, &limits, NULL);
		rc = PD_LOG_REJECT;
		why = "no JSON object";
		what = (struct pd_text_field){"", 0};
		if (json_is_object(j->object)) {
			take_values(j, &v);
			pd_event_init(e);
			rc = pd_log_event(&j->state, &v, e, key, &why, &what);
		}
		if (rc < 0)
			return pd_err_nomem(err);
		if (rc == PD_LOG_EVENT)
			return 1;
		if (rc == PD_LOG_IGNORE)
			j->text.ignored++;
		else if (pd_import_text_reject(&j->text, why, what, err))
			return -1;
	}
}

static bool
jsonl_told_hit(const void *src)
{
	return ((const struct jsonl *)src)->state.told_hit;
}

const struct pd_import pd_import_jsonl = {.name = "jsonl",
    .unit = PD_TIME_OWN,
    .wall = true,
    .open = jsonl_open,
    .next = jsonl_next,
    .offset = pd_import_text_offset,
    .ignored = pd_import_text_ignored,
    .rejects = pd_import_text_rejects,
    .told_hit = jsonl_told_hit,
    .close = jsonl_close};
