/*
 * A trace against a RESP server, as a client that plays cache-aside would: a
 * GET, and on a miss a SET of what the backing store would have given. With a
 * pipeline of N, N GETs travel together, then the SETs of those that missed:
 * a key that is asked twice within a batch can miss twice.
 */

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "data/event.h"
#include "io/lines.h"
#include "io/sock.h"
#include "replay.h"

struct player {
	const struct play *play;
	redisContext *c;
	struct pd_buf value; /* as long as the longest one */
	struct pd_buf key;
	size_t *batch; /* entries of the GETs under way */
	size_t batched;
	struct row row;
};

static int
out_of_memory(void)
{
	pd_cli_failf("out of memory");
	return -1;
}

/* Report what the connection says. */
static int
broken(const struct player *p)
{
	pd_cli_failf("lost the server at '%s' after %" PRIu64
		     " counted requests: %s",
	    opt.server, p->row.n.requests,
	    p->c->errstr[0] != '\0' ? p->c->errstr : "no answer in time");
	return -1;
}

static int
connect_server(struct player *p)
{
	struct pd_err err = PD_ERR_INIT;
	struct timeval tv;
	struct pd_addr a;
	uint64_t port = 0;

	if (pd_addr_parse(&a, opt.server, "6379", &err) < 0 ||
	    (!a.is_unix && pd_parse_u64(a.port, &port, &err) < 0)) {
		pd_cli_fail(&err);
		return -1;
	}
	tv.tv_sec = (time_t)(opt.timeout_us / 1000000);
	tv.tv_usec = (suseconds_t)(opt.timeout_us % 1000000);
	p->c = a.is_unix ? redisConnectUnixWithTimeout(a.host, tv)
			 : redisConnectWithTimeout(a.host, (int)port, tv);
	if (p->c == NULL || p->c->err != 0) {
		pd_cli_failf("cannot connect to '%s': %s", opt.server,
		    p->c == NULL ? "out of memory" : p->c->errstr);
		return -1;
	}
	if (redisSetTimeout(p->c, tv) != REDIS_OK)
		return broken(p);
	return 0;
}

static int
append(struct player *p, int argc, const char **argv, const size_t *len)
{
	if (redisAppendCommandArgv(p->c, argc, argv, len) != REDIS_OK)
		return out_of_memory();
	return 0;
}

/* The next answer, or NULL having reported; an error of the server is one. */
static redisReply *
answer(struct player *p, const char *command)
{
	void *got = NULL;
	redisReply *r;

	if (redisGetReply(p->c, &got) != REDIS_OK || got == NULL) {
		broken(p);
		return NULL;
	}
	r = got;
	if (r->type == REDIS_REPLY_ERROR) {
		pd_cli_failf("the server at '%s' refused %s: %s", opt.server,
		    command, r->str);
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

static int
auth(struct player *p, const char *password, size_t n)
{
	const char *argv[2] = {"AUTH", password};
	const size_t len[2] = {4, n};
	redisReply *r;

	if (append(p, 2, argv, len) < 0)
		return -1;
	r = answer(p, "AUTH");
	if (r == NULL)
		return -1;
	freeReplyObject(r);
	return 0;
}

static int
authenticate(struct player *p)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_lines *l;
	char *line;
	ssize_t n;
	int rc = -1;

	if (opt.password_file == NULL)
		return 0;
	l = pd_lines_open(opt.password_file, &err);
	if (l == NULL) {
		pd_cli_fail(&err);
		return -1;
	}
	n = pd_lines_next(l, &line, &err);
	if (n >= 0)
		rc = auth(p, line, (size_t)n);
	else if (n == -1)
		pd_cli_failf("'%s' is empty", opt.password_file);
	else
		pd_cli_fail(&err);
	pd_lines_close(l);
	return rc;
}

/* The key of entry ${i} as the server knows it, into p->key. */
static int
make_key(struct player *p, size_t i)
{
	const struct pd_trace *t = p->play->trace;
	const uint32_t id = t->id[i];
	const char *text;
	size_t len = 0;

	pd_buf_clear(&p->key);
	pd_buf_addstr(&p->key, opt.prefix);
	text = pd_trace_text(t, id, &len);
	if (text != NULL)
		pd_buf_add(&p->key, text, len);
	else
		pd_buf_printf(&p->key, "%" PRIu64, t->key[id]);
	return p->key.failed ? out_of_memory() : 0;
}

static size_t
value_size(const struct player *p, size_t i)
{
	return opt.value_size > 0 ? (size_t)opt.value_size
				  : p->play->trace->size[i];
}

/* A buffer of letters as long as the longest value. */
static int
make_value(struct player *p)
{
	size_t longest = 0, i, n;

	for (i = p->play->begin; i < p->play->end; i++) {
		n = value_size(p, i);
		if (n > longest)
			longest = n;
	}
	if (pd_buf_reserve(&p->value, longest) < 0)
		return out_of_memory();
	memset(p->value.data, 'x', longest);
	p->value.len = longest;
	return 0;
}

/* Send GET or DEL of entry ${i}. */
static int
send_key(struct player *p, const char *command, size_t i)
{
	const char *argv[2] = {command, NULL};
	size_t len[2] = {strlen(command), 0};

	if (make_key(p, i) < 0)
		return -1;
	argv[1] = (const char *)p->key.data;
	len[1] = p->key.len;
	return append(p, 2, argv, len);
}

/* What the trace tells of fetching entry ${i}, in microseconds; 0 nothing. */
static uint32_t
cost_of(const struct player *p, size_t i)
{
	const struct pd_trace *t = p->play->trace;

	return t->cost == NULL ? 0 : t->cost[t->id[i]];
}

static int
send_set(struct player *p, size_t i)
{
	const uint32_t cost = cost_of(p, i);
	const char *argv[5] = {
	    "SET", NULL, (const char *)p->value.data, "COST"};
	size_t len[5] = {3, 0, value_size(p, i), 4};
	char text[16];

	if (make_key(p, i) < 0)
		return -1;
	argv[1] = (const char *)p->key.data;
	len[1] = p->key.len;
	if (opt.objective != PD_OBJECTIVE_COST || cost == 0)
		return append(p, 3, argv, len);
	len[4] = (size_t)snprintf(text, sizeof(text), "%" PRIu32, cost);
	argv[4] = text;
	return append(p, 5, argv, len);
}

/* Take the answer to the GET of entry ${i}: 1 missed, 0 hit, -1. */
static int
take_get(struct player *p, size_t i)
{
	redisReply *r = answer(p, "GET");
	const bool counted = i >= p->play->from;
	bool missed;

	if (r == NULL)
		return -1;
	missed = r->type == REDIS_REPLY_NIL;
	freeReplyObject(r);
	if (counted) {
		p->row.n.requests++;
		p->row.n.bytes += p->play->trace->size[i];
		p->row.n.cost += cost_of(p, i);
	}
	if (counted && missed) {
		p->row.n.misses++;
		p->row.n.byte_misses += p->play->trace->size[i];
		p->row.n.cost_misses += cost_of(p, i);
	}
	return missed;
}

static int
take(struct player *p, const char *command)
{
	redisReply *r = answer(p, command);

	if (r == NULL)
		return -1;
	freeReplyObject(r);
	return 0;
}

/* Take the answers to the GETs under way, then store what missed. */
static int
finish_batch(struct player *p)
{
	size_t i, sets = 0;
	int missed;

	for (i = 0; i < p->batched; i++) {
		missed = take_get(p, p->batch[i]);
		if (missed < 0)
			return -1;
		if (missed)
			p->batch[sets++] = p->batch[i];
	}
	p->batched = 0;
	for (i = 0; i < sets; i++)
		if (send_set(p, p->batch[i]) < 0)
			return -1;
	for (i = 0; i < sets; i++)
		if (take(p, "SET") < 0)
			return -1;
	return 0;
}

/* Play entry ${i}. */
static int
step(struct player *p, size_t i)
{
	const struct pd_trace *t = p->play->trace;

	if (t->op != NULL && t->op[i] == PD_OP_DEL) {
		if (finish_batch(p) < 0 || send_key(p, "DEL", i) < 0)
			return -1;
		return take(p, "DEL");
	}
	if (send_key(p, "GET", i) < 0)
		return -1;
	p->batch[p->batched++] = i;
	return p->batched < opt.pipeline ? 0 : finish_batch(p);
}

static int
play_all(struct player *p)
{
	const size_t n = p->play->end - p->play->begin;
	size_t i;

	for (i = p->play->begin; i < p->play->end; i++) {
		if (step(p, i) < 0)
			return -1;
		if (i % 1024 == 0)
			pd_cli_progress("playing", i - p->play->begin, n);
	}
	return finish_batch(p);
}

/* How many objects the server holds; not every server tells. */
static void
ask_size(struct player *p)
{
	redisReply *r = redisCommand(p->c, "DBSIZE");

	if (r == NULL)
		return;
	if (r->type == REDIS_REPLY_INTEGER && r->integer >= 0) {
		p->row.size = (uint64_t)r->integer;
		p->row.size_known = true;
	}
	freeReplyObject(r);
}

int
play_server(const struct play *play)
{
	struct player p = {.play = play};
	uint64_t start;
	int rc = -1;

	p.row.trace = play->name;
	p.row.policy = "server";
	p.row.rate = play->trace->rate;
	p.batch = calloc((size_t)opt.pipeline, sizeof(*p.batch));
	if (p.batch == NULL) {
		out_of_memory();
		goto out;
	}
	if (make_value(&p) < 0 || connect_server(&p) < 0 ||
	    authenticate(&p) < 0)
		goto out;
	start = pd_clock_mono_us();
	if (play_all(&p) < 0)
		goto out;
	p.row.seconds = (double)(pd_clock_mono_us() - start) / 1e6;
	ask_size(&p);
	rc = put_row(&p.row);
out:
	pd_cli_progress_end();
	redisFree(p.c);
	pd_buf_release(&p.value);
	pd_buf_release(&p.key);
	free(p.batch);
	return rc;
}
