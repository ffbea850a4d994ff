#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "base/ticks.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/large.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/turn.h"
#include "cache/turn_priv.h"

#define INPUT 131072
#define INPUT_WIDE 524288 /* with several loops: more clients at once */
#define READ_BYTES 65536
#define READ_LEAST 16384     /* with less room the turn executes first */
#define READ_MOST (1u << 20) /* in one turn, of a large value */
#define ARGS_LEAST 128	     /* with less room no more are parsed */
#define MOST_LEAST 8	     /* commands of one client, where they are many */
#define PACE_US 1000000	     /* how often draws are fitted to the traffic */

struct pd_turn *
pd_turn_new(const struct pd_keys *keys, unsigned number, bool several)
{
	const size_t room = several ? INPUT_WIDE : INPUT;
	struct pd_turn *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->input = malloc(room)) == NULL) {
		free(t);
		return NULL;
	}
	t->room = room;
	pd_hotkeys_init(&t->hot, keys, keys->select_salt + number);
	return t;
}

struct pd_hotkeys *
pd_turn_hotkeys(struct pd_turn *t)
{
	return &t->hot;
}

void
pd_turn_free(struct pd_turn *t)
{
	if (t == NULL)
		return;
	free(t->input);
	free(t);
}

size_t
pd_turn_memory(const struct pd_turn *t)
{
	return sizeof(*t) + t->room;
}

bool
pd_turn_waits(const struct pd_turn *t)
{
	return t->first != NULL;
}

void
pd_turn_add(struct pd_client *c)
{
	struct pd_turn *t = c->worker->turn;

	if (c->is_ready || c->closed || c->doomed)
		return;
	c->is_ready = true;
	c->next_ready = NULL;
	if (t->first == NULL)
		t->first = c;
	else
		t->last->next_ready = c;
	t->last = c;
}

void
pd_turn_doom(struct pd_client *c)
{
	struct pd_turn *t = c->worker->turn;

	if (c->doomed || c->closed)
		return;
	c->doomed = true;
	c->next_doomed = t->doomed;
	t->doomed = c;
}

static void
sweep(struct pd_worker *w)
{
	struct pd_client **p = &w->turn->doomed, *c;

	while ((c = *p) != NULL)
		if (c->is_ready) {
			p = &c->next_doomed;
		} else {
			*p = c->next_doomed;
			c->doomed = false;
			pd_client_close(c);
		}
}

void
pd_turn_sweep(struct pd_worker *w)
{
	if (w->turn->doomed == NULL)
		return;
	pd_worker_enter(w);
	sweep(w);
	pd_worker_leave(w);
}

/* READ. */

/* How much to read at once: exactly a large value, else a good piece. */
static size_t
read_size(const struct pd_client *c)
{
	const size_t missing = pd_resp_missing(&c->parser, c->in.len);

	if (missing <= READ_BYTES)
		return READ_BYTES;
	return missing < READ_MOST ? missing : READ_MOST;
}

/* A client that has nothing left from before borrows the rest of the turn's
 * buffer, which stays in the processor's cache and costs idle clients nothing.
 */
static void
lend(struct pd_turn *t, struct pd_client *c)
{
	pd_buf_release(&c->in);
	c->in.data = t->input + t->used;
	c->in.cap = t->room - t->used;
	c->lent = true;
}

static void
forget_lent(struct pd_client *c)
{
	if (c->lent)
		c->in = (struct pd_buf)PD_BUF_INIT;
	c->lent = false;
}

/* The buffer of its own that a client reads on into. 0, or -1. */
static int
grow(struct pd_client *c, size_t want)
{
	const size_t missing = pd_resp_missing(&c->parser, c->in.len);

	if (c->in.len + want > c->worker->limits.query_max) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: a request of more than %llu bytes",
		    (unsigned long long)c->id,
		    (unsigned long long)c->worker->limits.query_max);
		c->worker->io.dropped++;
		return -1;
	}
	return pd_buf_reserve(&c->in, missing > want ? missing : want);
}

/* Read once. False: no more for now. */
static bool
read_some(struct pd_turn *t, struct pd_client *c)
{
	size_t want = read_size(c);
	ssize_t n;

	if (c->parser.far_coming && c->parser.far_got < c->parser.far_size) {
		if (pd_large_waits(c))
			return false;
		n = pd_large_read(c);
		goto out;
	}
	if (c->in.len == 0 && !c->lent)
		lend(t, c);
	if (c->lent && want > c->in.cap - c->in.len)
		want = c->in.cap - c->in.len;
	if (want == 0)
		return false;
	if (!c->lent && grow(c, want)) {
		pd_turn_doom(c);
		return false;
	}
	n = pd_conn_read(&c->conn, c->in.data + c->in.len, want);
	c->in.len += n > 0 ? (size_t)n : 0;
out:
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			pd_turn_doom(c);
		return false;
	}
	c->worker->io.in += (uint64_t)n;
	return true;
}

void
pd_turn_read(struct pd_client *c)
{
	struct pd_turn *t = c->worker->turn;

	if (c->lent) /* read in this turn: what follows it is lent */
		return;
	if (t->room - t->used < READ_LEAST) {
		pd_turn_execute(c->worker);
		if (!turn_may_run(c))
			return;
	}
	while (read_some(t, c) && pd_conn_pending(&c->conn))
		;
	if (c->lent && c->in.len == 0) {
		forget_lent(c);
	} else if (c->lent) {
		c->in.cap = c->in.len;
		t->used += c->in.len;
	}
	if (c->in.len > 0)
		pd_turn_add(c);
}

void
pd_turn_read_more(struct pd_worker *w)
{
	struct pd_turn *t = w->turn;
	struct pd_client *c;

	for (c = t->first; c != NULL; c = c->next_ready) {
		if (c->more && !c->closed && t->room - t->used >= READ_LEAST)
			pd_turn_read(c);
		c->more = false;
	}
}

/* EXECUTE: parsing ahead. */

static inline void
hash_key(struct pd_turn *t, struct pd_arg *arg, uint64_t seed)
{
	if (arg->n > PD_KEY_MAX)
		return;
	arg->hash = pd_hash64(arg->p, arg->n, seed);
	t->hash[t->nkeys++] = arg->hash;
}

/* The keys of a command, hashed as pd_store_key() does. */
static inline void
hash_keys(struct pd_turn *t, const struct pd_client *c, const struct ahead *a)
{
	const struct pd_keyspec *k = &a->cmd->def->key[0];
	const uint64_t seed = pd_server_first(c->server)->seed + c->db;
	uint32_t i, last;

	if (k->last == 0) {
		hash_key(t, &a->argv[k->begin], seed);
		return;
	}
	last = k->last > 0 ? (uint32_t)(k->begin + k->last)
			   : a->argc - (uint32_t)-k->last;
	for (i = k->begin; i <= last; i += k->step)
		hash_key(t, &a->argv[i], seed);
}

/* May more commands be parsed ahead? */
static bool
has_room(const struct pd_turn *t)
{
	return t->nahead < COMMANDS && ARGS - t->nargs >= ARGS_LEAST;
}

/* Tell of key ${k} of the turn, one of client ${c}. */
static void
draw_key(struct pd_turn *t, const struct pd_client *c, uint64_t k)
{
	const uint64_t hash = t->hash[k];
	const struct ahead *a = &t->ahead[t->nahead - 1];
	uint32_t i = 0;

	while (a->key > k)
		a--;
	while (i < a->argc && a->argv[i].hash != hash)
		i++;
	if (i < a->argc)
		pd_hotkeys_draw(&t->hot, hash, a->argv[i].p, a->argv[i].n,
		    c->db, c->worker->mono_us);
}

static void
draw_keys(struct pd_turn *t, const struct pd_client *c)
{
	while (t->nkeys >= t->draw) {
		draw_key(t, c, t->draw - 1);
		t->draw += pd_hotkeys_skip(&t->hot, c->worker->mono_us);
	}
}

/* Parse what a client sent, as far as it is plain. */
static void
parse_ahead(struct pd_turn *t, struct pd_client *c)
{
	const struct pd_resp *r = &c->parser;
	const uint32_t longest = r->keep_max < INPUT ? r->keep_max : INPUT;
	size_t at = c->in_at;
	struct ahead *a;

	c->ahead = t->nahead;
	c->nahead = 0;
	c->unusual = r->left > 0 || r->len > 0 || r->unauthenticated;
	if (c->unusual || !turn_may_run(c))
		return;
	while (at < c->in.len && c->nahead < t->most && has_room(t)) {
		a = &t->ahead[t->nahead];
		a->argv = t->arg + t->nargs;
		a->argc = pd_resp_quick((const char *)c->in.data + at,
		    c->in.len - at, longest, a->argv, ARGS - t->nargs, &a->len);
		if (a->argc == 0) {
			c->unusual = true;
			return;
		}
		a->cmd = pd_commands_keyed(c->worker, a->argv, a->argc);
		a->key = t->nkeys;
		t->nahead++;
		t->nargs += a->argc;
		c->nahead++;
		at += a->len;
		/* It may change what comes behind it. */
		if (a->cmd == NULL)
			return;
		hash_keys(t, c, a);
	}
}

static void
look_ahead(struct pd_turn *t, struct pd_client *c)
{
	parse_ahead(t, c);
	/* Of the heaviest keys it is told here, which costs a turn two
	 * instructions, and an access none. */
	if (t->nkeys >= t->draw)
		draw_keys(t, c);
}

/* How many commands of one client are parsed at a time: all that there is room
 * for, but where many clients are to be served by shards each has its part. */
static uint32_t
share(const struct pd_worker *w, const struct pd_turn *t)
{
	const uint32_t least = turn_wide_least(w->server);
	const struct pd_client *c;
	uint32_t n = 0, most;

	if (least == 0)
		return COMMANDS;
	for (c = t->first; c != NULL && n < COMMANDS; c = c->next_ready)
		n++;
	if (n < least)
		return COMMANDS;
	most = COMMANDS / n;
	return most < MOST_LEAST ? MOST_LEAST : most;
}

/* Take clients off the list, as many as can be parsed ahead. Returns the first
 * of a list of them. */
static struct pd_client *
take(struct pd_worker *w, struct pd_turn *t)
{
	struct pd_client *const first = t->first, *c;

	t->draw -= t->nkeys;
	if (w->mono_us >= t->pace_us) {
		t->pace_us = w->mono_us + PACE_US;
		t->draw = pd_hotkeys_skip(&t->hot, w->mono_us);
	}
	t->nahead = t->nargs = t->nkeys = t->near = 0;
	t->most = share(w, t);
	for (c = first; c != NULL; c = c->next_ready) {
		look_ahead(t, c);
		if (!has_room(t))
			break;
	}
	t->first = c == NULL ? NULL : c->next_ready;
	if (c != NULL)
		c->next_ready = NULL;
	return first;
}

/* Up to NEAR keys of several shards. */
static void
prefetch_some(const struct pd_server *s, const uint64_t *hash, uint32_t n)
{
	struct pd_near key[NEAR];
	uint8_t at[PD_SHARDS_MAX] = {0}, shard[NEAR];
	uint32_t i, k, sum = 0;

	for (i = 0; i < n; i++) {
		shard[i] = (uint8_t)(pd_server_shard(s, hash[i]) - s->shards);
		at[shard[i]]++;
	}
	for (i = 0; i < s->nshards; i++) {
		k = at[i];
		at[i] = (uint8_t)sum;
		sum += k;
	}
	for (i = 0; i < n; i++)
		key[at[shard[i]]++] =
		    (struct pd_near){s->shards[shard[i]].store, hash[i]};
	pd_stores_prefetch(key, n);
}

static void
prefetch(struct pd_worker *w, const uint64_t *hash, uint32_t n)
{
	uint32_t i, some;

	if (w->server->nshards == 1 && w->server->nworkers == 1) {
		pd_store_prefetch(pd_server_first(w->server), hash, n);
		return;
	}
	for (i = 0; i < n; i += NEAR) {
		some = n - i < NEAR ? n - i : NEAR;
		if (w->server->nworkers == 1)
			prefetch_some(w->server, hash + i, some);
		else
			turn_keep(w, hash + i, some);
	}
}

/* What the keys of command ${i} and some after it touch is brought near. */
static void
bring_near(struct pd_worker *w, struct pd_turn *t, uint32_t i)
{
	const uint32_t from = t->ahead[i].key;
	uint32_t end = t->nkeys;

	for (t->near = i + 1; t->near < t->nahead; t->near++) {
		end = t->ahead[t->near].key;
		if (end - from >= NEAR)
			break;
	}
	if (t->near == t->nahead)
		end = t->nkeys;
	if (end - from > 1)
		prefetch(w, t->hash + from, end - from);
	w->timing.at = pd_ticks();
}

/* EXECUTE: running. */

/* Drop bytes of a word that is too long to be kept. */
static void
drop_word(struct pd_client *c)
{
	const size_t from = c->in_at + c->parser.len;
	const uint64_t there = c->in.len - from;
	const size_t n =
	    (size_t)(there < c->parser.discard ? there : c->parser.discard);

	memmove(c->in.data + from, c->in.data + from + n, c->in.len - from - n);
	c->in.len -= n;
	c->parser.discard -= n;
}

static bool
pause_holds(const struct pd_client *c, const struct pd_arg *name)
{
	const struct pd_server *s = c->server;
	const struct pd_cmd *cmd;

	if ((int64_t)s->paused_until_ms <= c->worker->now_ms)
		return false;
	if (s->paused_all)
		return true;
	cmd = pd_commands_find(s->commands, name->p, name->n);
	return cmd != NULL && (cmd->flags & PD_CMD_WRITE || c->multi);
}

static void
protocol_error(struct pd_client *c)
{
	pd_reply_errorf(&c->reply, "ERR Protocol error: %s", c->parser.error);
	c->worker->stats.protocol_errors++;
	c->close_after = true;
}

/* Messages that came while a command wrote its reply. */
static void
send_later(struct pd_client *c)
{
	pd_reply_raw(&c->reply, (const char *)c->later.data, c->later.len);
	pd_buf_release(&c->later);
}

/* Run a whole command, within what CLIENT REPLY says. */
static void
run_muted(struct pd_client *c, const struct ahead *a)
{
	c->reply.mute = c->mute == PD_MUTE_OFF || c->mute == PD_MUTE_SKIP;
	pd_command_dispatch(c, a->cmd, a->argv, a->argc);
	c->reply.mute = false;
	if (c->mute == PD_MUTE_SKIP)
		c->mute = PD_MUTE_NO;
	else if (c->mute == PD_MUTE_SKIP_NEXT)
		c->mute = PD_MUTE_SKIP;
}

void
turn_command(struct pd_client *c, const struct ahead *a)
{
	if (a->argc > 0) {
		if (c->server->paused_until_ms != 0 && !c->parser.oversize &&
		    pause_holds(c, &a->argv[0])) {
			c->held_back = c->worker->holds_back = true;
			return;
		}
		if (c->mute == PD_MUTE_NO)
			pd_command_dispatch(c, a->cmd, a->argv, a->argc);
		else
			run_muted(c, a);
		if (c->later.len > 0)
			send_later(c);
	}
	c->in_at += a->len;
	if (pd_reply_queued(&c->reply) > c->server->cfg.output_pause)
		c->paused = true;
}

/* Parse and execute one command that is not plain. False: what is there is no
 * whole command. */
static bool
step(struct pd_client *c)
{
	struct pd_resp *r = &c->parser;
	struct ahead a;

	if (r->discard > 0)
		drop_word(c);
	switch (pd_resp_parse(
	    r, (const char *)c->in.data + c->in_at, c->in.len - c->in_at)) {
	case PD_RESP_MORE:
		if (r->bulk >= PD_LARGE && pd_large_begin(c))
			pd_turn_doom(c);
		return r->discard > 0 && c->in.len > c->in_at + r->len;
	case PD_RESP_ERROR:
		protocol_error(c);
		return false;
	case PD_RESP_COMMAND:
		break;
	}
	a = (struct ahead){NULL, r->argv, r->argc, 0, r->len};
	turn_command(c, &a);
	if (!c->closed) {
		pd_large_end(c);
		pd_resp_next(r);
	}
	return true;
}

/* A client has run as far as it goes in this turn. */
static void
settle(struct pd_client *c)
{
	const uint64_t now = c->worker->mono_us;
	struct pd_buf rest = PD_BUF_INIT;

	if (c->closed) {
		forget_lent(c);
		return;
	}
	if (c->lent) {
		if (pd_buf_add(
			&rest, c->in.data + c->in_at, c->in.len - c->in_at))
			pd_turn_doom(c);
		forget_lent(c);
		c->in = rest;
	} else if (c->in_at == c->in.len) {
		pd_buf_release(&c->in);
	} else {
		pd_buf_consume(&c->in, c->in_at);
	}
	if (c->in.len == 0)
		c->request_us = 0;
	else if (c->request_us == 0 || c->in_at > 0)
		c->request_us = now;
	c->in_at = 0;
	c->last_us = now;
	pd_client_mark_dirty(c);
}

/* What has been parsed ahead, and one command that is not plain. Does more wait
 * to be parsed? */
static bool
run_ahead(struct pd_worker *w, struct pd_turn *t, struct pd_client *c)
{
	uint32_t i;
	bool more;

	for (i = c->ahead; i < c->ahead + c->nahead && turn_may_run(c); i++) {
		if (i >= t->near)
			bring_near(w, t, i);
		if (w->keeps && !turn_can_use(t, c, &t->ahead[i]))
			turn_let_go(w);
		turn_command(c, &t->ahead[i]);
	}
	more = turn_may_run(c) && c->in_at < c->in.len;
	if (more && c->unusual) {
		turn_let_go(w);
		more = step(c) && turn_may_run(c) && c->in_at < c->in.len;
	}
	return more;
}

static void
run(struct pd_worker *w, struct pd_turn *t, struct pd_client *c)
{
	uint32_t near;
	bool more;

	w->current = c;
	w->timing.at = pd_ticks();
	more = run_ahead(w, t, c);
	near = t->near;
	while (more && t->most == COMMANDS && has_room(t)) {
		t->near = t->nahead;
		look_ahead(t, c);
		more = run_ahead(w, t, c);
	}
	t->near = near;
	w->current = NULL;
	if (more)
		pd_turn_add(c);
	else
		settle(c);
}

void
pd_turn_execute(struct pd_worker *w)
{
	struct pd_turn *t = w->turn;
	struct pd_client *c, *next;

	if (t->doomed == NULL && t->first == NULL &&
	    !atomic_load_explicit(&w->has_posted, memory_order_relaxed))
		return;
	pd_worker_enter(w);
	pd_worker_begin(w);
	if (t->doomed != NULL)
		sweep(w);
	while (t->first != NULL) {
		c = take(w, t);
		if (t->most < COMMANDS)
			turn_wide(w, t, c);
		for (; c != NULL; c = next) {
			next = c->next_ready;
			c->is_ready = false;
			run(w, t, c);
		}
		turn_let_go(w);
	}
	pd_worker_leave(w);
	t->used = 0;
}

void
pd_turn_write(struct pd_worker *w)
{
	struct pd_client *c;

	while ((c = w->dirty) != NULL) {
		w->dirty = c->next_dirty;
		c->is_dirty = false;
		pd_client_flush(c);
	}
}
