#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/client.h"
#include "cache/resp.h"
#include "cache/server.h"
#include "cache/slowlog.h"
#include "cache/store.h"

#define NOTE 48 /* bytes of a note on what is left out */

void
pd_slowlog_reset(struct pd_slowlog *l)
{
	uint32_t i;

	for (i = 0; i < l->len; i++)
		free(l->ring[(l->first + i) % l->cap]);
	l->len = 0;
	l->bytes = 0;
}

void
pd_slowlog_release(struct pd_slowlog *l)
{
	pd_slowlog_reset(l);
	free(l->ring);
	l->ring = NULL;
	l->cap = 0;
}

static void
drop_oldest(struct pd_slowlog *l)
{
	struct pd_slow *e = l->ring[(l->first + --l->len) % l->cap];

	l->bytes -= e->bytes;
	free(e);
}

void
pd_slowlog_set_max(struct pd_slowlog *l, uint32_t max)
{
	l->max = max;
	while (l->len > max)
		drop_oldest(l);
}

size_t
pd_slowlog_memory(const struct pd_slowlog *l)
{
	return l->cap * sizeof(struct pd_slow *) + l->bytes;
}

const struct pd_slow *
pd_slowlog_at(const struct pd_slowlog *l, uint32_t i)
{
	return l->ring[(l->first + i) % l->cap];
}

static int
grow(struct pd_slowlog *l)
{
	uint32_t cap = l->cap == 0 ? 16 : l->cap * 2, i;
	struct pd_slow **p;

	cap = cap > l->max ? l->max : cap;
	if ((p = malloc(cap * sizeof(struct pd_slow *))) == NULL)
		return -1;
	for (i = 0; i < l->len; i++)
		p[i] = l->ring[(l->first + i) % l->cap];
	free(l->ring);
	l->ring = p;
	l->cap = cap;
	l->first = 0;
	return 0;
}

/* What a word is told as, at ${p} where there is room; its length. */
static uint32_t
put_word(char *p, const struct pd_arg *a)
{
	if (a->n <= PD_SLOWLOG_WORD_BYTES) {
		memcpy(p, a->p, a->n);
		return a->n;
	}
	memcpy(p, a->p, PD_SLOWLOG_WORD_BYTES);
	return PD_SLOWLOG_WORD_BYTES +
	       (uint32_t)snprintf(p + PD_SLOWLOG_WORD_BYTES, NOTE,
		   "... (%u more bytes)", a->n - PD_SLOWLOG_WORD_BYTES);
}

static struct pd_slow *
entry(const struct pd_client *c, const struct pd_arg *argv, uint32_t argc,
    uint32_t secret)
{
	const char *name = c->name == NULL ? "" : c->name;
	const uint32_t words =
	    argc < PD_SLOWLOG_WORDS ? argc : PD_SLOWLOG_WORDS;
	size_t bytes = sizeof(struct pd_slow) + strlen(c->addr) + 1 +
		       strlen(name) + 1 + (size_t)words * NOTE;
	struct pd_slow *e;
	uint32_t i, n;
	char *p;

	for (i = 0; i < words; i++)
		bytes += argv[i].n < PD_SLOWLOG_WORD_BYTES
			     ? argv[i].n
			     : PD_SLOWLOG_WORD_BYTES;
	if ((e = malloc(bytes)) == NULL)
		return NULL;
	p = (char *)(e + 1);
	e->bytes = bytes;
	e->argc = words;
	for (i = 0; i < words; i++) {
		if (i == PD_SLOWLOG_WORDS - 1 && argc > words)
			n = (uint32_t)snprintf(p, NOTE,
			    "... (%u more arguments)", argc - words + 1);
		else if (i >= secret)
			n = (uint32_t)snprintf(p, NOTE, "(redacted)");
		else
			n = put_word(p, &argv[i]);
		e->argv[i].p = p;
		e->argv[i].n = n;
		p += n;
	}
	e->addr = p;
	memcpy(p, c->addr, strlen(c->addr) + 1);
	p += strlen(c->addr) + 1;
	e->name = p;
	memcpy(p, name, strlen(name) + 1);
	return e;
}

void
pd_slowlog_add(struct pd_slowlog *l, const struct pd_client *c,
    const struct pd_arg *argv, uint32_t argc, uint32_t secret, uint64_t us)
{
	struct pd_slow *e;

	if (l->max == 0 || (e = entry(c, argv, argc, secret)) == NULL)
		return;
	e->id = l->next_id++;
	e->at_s = c->worker->now_ms / 1000;
	e->us = us;
	if (l->len >= l->max)
		drop_oldest(l);
	if (l->len == l->cap && grow(l)) {
		free(e);
		return;
	}
	l->first = (l->first + l->cap - 1) % l->cap;
	l->ring[l->first] = e;
	l->len++;
	l->bytes += e->bytes;
}
