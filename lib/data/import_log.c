/*
 * Text logs: by patterns that the user gives, or by ready ones.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/event.h"
#include "data/import.h"
#include "data/logformat.h"
#include "data/logpattern.h"

#define PATTERNS 8

struct log {
	struct pd_import_text text; /* first */
	struct pd_logpattern *pattern[PATTERNS];
	size_t patterns;
	struct pd_log_state state;
};

static void
log_close(void *src)
{
	struct log *l = src;

	if (l == NULL)
		return;
	pd_import_text_release(&l->text);
	for (size_t i = 0; i < l->patterns; i++)
		pd_logpattern_free(l->pattern[i]);
	pd_buf_release(&l->state.key);
	free(l);
}

static int
add_pattern(struct log *l, const char *text, struct pd_err *err)
{
	if (l->patterns == PATTERNS)
		return pd_err_set(err, "more than %d patterns", PATTERNS);
	l->pattern[l->patterns] = pd_logpattern_new(text, err);
	if (l->pattern[l->patterns] == NULL)
		return -1;
	if (!pd_logpattern_has(l->pattern[l->patterns++], PD_LOG_TIME) &&
	    l->text.unit != PD_TIME_SEQ)
		return pd_err_set(err,
		    "a pattern without %%{time} needs the time unit seq: "
		    "'%.80s'",
		    text);
	return 0;
}

/* ${ready}: the name of ready patterns, which the user's come before. */
static void *
open_with(const char *path, const struct pd_evreader_opts *o, const char *ready,
    struct pd_err *err)
{
	const char *const *p =
	    ready != NULL ? pd_logformat_patterns(ready) : NULL;
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	l->state.unit = o->unit;
	if (pd_import_text_open(&l->text, path, o, err))
		goto err0;
	for (size_t i = 0; i < o->patterns; i++)
		if (add_pattern(l, o->pattern[i], err))
			goto err0;
	for (; p != NULL && *p != NULL; p++)
		if (add_pattern(l, *p, err))
			goto err0;
	if (l->patterns == 0) {
		(void)pd_err_set(err, "format 'log' needs a pattern");
		goto err0;
	}
	return l;
err0:
	log_close(l);
	return NULL;
}

static void *
log_open(const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	return open_with(path, o, NULL, err);
}

static void *
nginx_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	return open_with(path, o, "nginx", err);
}

static void *
envoy_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	return open_with(path, o, "envoy", err);
}

static void *
haproxy_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	return open_with(path, o, "haproxy", err);
}

/* The first pattern that fits rules; the reason is that of the last one that
 * the line was like. One enum pd_log_result or -1. */
static int
try_patterns(struct log *l, const char *line, size_t n, struct pd_event *e,
    struct pd_import_key *key, const char **why, struct pd_text_field *what)
{
	struct pd_text_field reason_of = {"", 0};
	const char *reason = NULL, *unlike = NULL;
	struct pd_log_values v;
	int rc;

	for (size_t i = 0; i < l->patterns; i++) {
		unlike = pd_logpattern_match(l->pattern[i], line, n, &v);
		if (unlike != NULL)
			continue;
		pd_event_init(e);
		rc = pd_log_event(&l->state, &v, e, key, why, what);
		if (rc != PD_LOG_REJECT)
			return rc;
		reason = *why;
		reason_of = *what;
	}
	*why = reason != NULL ? reason : unlike;
	*what = reason_of;
	return PD_LOG_REJECT;
}

static int
log_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct log *l = src;
	struct pd_text_field what;
	const char *why;
	char *line;
	size_t n;
	int rc;

	for (;;) {
		if ((rc = pd_import_text_line(&l->text, &line, &n, err)) != 1)
			return rc;
		rc = try_patterns(l, line, n, e, key, &why, &what);
		if (rc < 0)
			return pd_err_nomem(err);
		if (rc == PD_LOG_EVENT)
			return 1;
		if (rc == PD_LOG_IGNORE)
			l->text.ignored++;
		else if (pd_import_text_reject(&l->text, why, what, err))
			return -1;
	}
}

static bool
log_told_hit(const void *src)
{
	return ((const struct log *)src)->state.told_hit;
}

#define LOG_IMPORT(NAME, OPEN, HIT)                                            \
	{                                                                      \
		.name = (NAME), .unit = PD_TIME_OWN, .wall = true,             \
		.open = (OPEN), .next = log_next,                              \
		.offset = pd_import_text_offset,                               \
		.ignored = pd_import_text_ignored,                             \
		.rejects = pd_import_text_rejects, .told_hit = (HIT),          \
		.close = log_close                                             \
	}

const struct pd_import pd_import_log =
    LOG_IMPORT("log", log_open, log_told_hit);
const struct pd_import pd_import_nginx =
    LOG_IMPORT("nginx", nginx_open, log_told_hit);
/* Only a hit is ever told: whether there is a cache at all is not known. */
const struct pd_import pd_import_envoy = LOG_IMPORT("envoy", envoy_open, NULL);
const struct pd_import pd_import_haproxy =
    LOG_IMPORT("haproxy", haproxy_open, NULL);
