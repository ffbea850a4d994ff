/*
 * Transactions. MULTI queues, EXEC runs what was queued with nothing in
 * between. WATCH makes EXEC fail when a key changed in the meantime: who
 * watches what is in a table by key hash, asked before each change of a key
 * while anybody watches.
 */

#include <stdlib.h>
#include <string.h>

#include "cache/acl.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/lock.h"

#define WATCH_BUCKETS 256

struct watch {
	struct pd_client *client;
	struct watch *next;
	uint64_t hash;
	uint32_t db;
	uint32_t n;
	char key[];
};

struct pd_watchtab {
	struct pd_server *server;
	uint64_t count;
	struct watch *bucket[WATCH_BUCKETS];
};

struct pd_watchtab *
pd_watchtab_new(struct pd_server *s)
{
	struct pd_watchtab *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->server = s;
	return t;
}

void
pd_watchtab_free(struct pd_watchtab *t)
{
	free(t); /* its clients are gone, and with them their watches */
}

static bool
same(const struct watch *w, const struct pd_key *k)
{
	return w->hash == k->hash && w->db == k->db && w->n == k->n &&
	       memcmp(w->key, k->p, k->n) == 0;
}

/* The store's call before a key changes. */
static void
changed(void *cookie, const struct pd_key *k)
{
	struct pd_watchtab *t = cookie;
	struct watch *w = t->bucket[k->hash % WATCH_BUCKETS];

	for (; w != NULL; w = w->next)
		if (same(w, k))
			w->client->multi_stale = true;
}

static void
arm(struct pd_watchtab *t)
{
	struct pd_store *st;
	uint32_t i;

	for (i = 0; i < t->server->nshards; i++) {
		st = t->server->shards[i].store;
		st->changed = t->count > 0 ? changed : NULL;
		st->changed_cookie = t;
	}
}

void
pd_client_unwatch(struct pd_client *c)
{
	struct pd_watchtab *t = c->server->watches;
	struct watch **p, *w;
	unsigned i;

	if (c->nwatched == 0)
		return;
	for (i = 0; i < WATCH_BUCKETS; i++)
		for (p = &t->bucket[i]; (w = *p) != NULL;) {
			if (w->client != c) {
				p = &w->next;
				continue;
			}
			*p = w->next;
			free(w);
			t->count--;
		}
	c->nwatched = 0;
	c->multi_stale = false;
	arm(t);
}

static bool
watch_key(struct pd_client *c, const struct pd_key *k)
{
	struct pd_watchtab *t = c->server->watches;
	struct watch **p = &t->bucket[k->hash % WATCH_BUCKETS], *w;

	for (w = *p; w != NULL; w = w->next)
		if (w->client == c && same(w, k))
			return true;
	if ((w = malloc(sizeof(*w) + k->n)) == NULL)
		return false;
	*w = (struct watch){c, *p, k->hash, k->db, k->n};
	memcpy(w->key, k->p, k->n);
	*p = w;
	t->count++;
	c->nwatched++;
	arm(t);
	return true;
}

static void
run_watch(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	uint32_t i;

	if (c->multi) {
		pd_reply_error(
		    &c->reply, "ERR WATCH inside MULTI is not allowed");
		return;
	}
	if (!pd_args_keys_ok(c, a, n, 1))
		return;
	for (i = 1; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		/* What has expired goes now, so that it does not later. */
		pd_store_peek(pd_server_store(c->server, &k), &k);
		if (!watch_key(c, &k)) {
			pd_reply_error(&c->reply, PD_ERR_OOM);
			return;
		}
	}
	pd_reply_ok(&c->reply);
}

static void
run_unwatch(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_client_unwatch(c);
	pd_reply_ok(&c->reply);
}

static void
run_multi(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	if (c->multi) {
		pd_reply_error(&c->reply, "ERR MULTI calls can not be nested");
		return;
	}
	c->multi = true;
	pd_reply_ok(&c->reply);
}

static void
run_discard(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	if (!c->multi) {
		pd_reply_error(&c->reply, "ERR DISCARD without MULTI");
		return;
	}
	pd_client_discard(c);
	pd_client_unwatch(c);
	pd_reply_ok(&c->reply);
}

/* Keys that expire between WATCH and EXEC count as changed. */
static void
look_at_watched(struct pd_client *c)
{
	struct pd_watchtab *t = c->server->watches;
	struct watch *w;
	struct pd_key k;
	unsigned i;

	for (i = 0; c->nwatched > 0 && i < WATCH_BUCKETS; i++)
		for (w = t->bucket[i]; w != NULL; w = w->next)
			if (w->client == c) {
				k = (struct pd_key){
				    w->key, w->n, w->db, w->hash};
				pd_store_peek(
				    pd_server_store(c->server, &k), &k);
			}
}

/* A queued command that needs memory when there is none: none is run. */
static bool
no_memory(const struct pd_client *c)
{
	uint32_t i;

	for (i = 0; i < c->nqueue; i++)
		if (pd_command_no_memory(c, c->queue[i].cmd))
			return true;
	return false;
}

/* What the user may no longer do since it was queued; NULL: nothing. */
static const char *
forbidden(struct pd_client *c, const struct pd_queued *q)
{
	static const char *const why[] = {"",
	    "no permission to execute the command or subcommand",
	    "no permission to touch the specified keys",
	    ("no permission to access one of the channels used as arguments to "
	     "the command")};
	enum pd_acl_result r;
	const char *object;
	uint32_t at;

	if (!(c->gate & PD_GATE_ACL))
		return NULL;
	r = pd_acl_check(c->user, q->cmd, q->argv, q->argc, &at);
	if (r == PD_ACL_OK)
		return NULL;
	object = at == 0 ? q->cmd->full : q->argv[at].p;
	pd_notes_lock(c->server);
	pd_acl_log(c->server->acl, c, r, object,
	    at == 0 ? strlen(object) : q->argv[at].n, c->user->name,
	    c->user->name_len);
	pd_notes_unlock(c->server);
	return why[r];
}

static void
run_queued(struct pd_client *c, const struct pd_queued *q)
{
	const char *why = forbidden(c, q);

	if (why == NULL)
		pd_command_run(c, q->cmd, q->argv, q->argc);
	else
		pd_reply_errorf(&c->reply,
		    "NOPERM ACLs rules changed between the moment the "
		    "transaction was accumulated and the EXEC call. This "
		    "command is no longer allowed for the following reason: "
		    "%s",
		    why);
}

static void
run_exec(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_queued *q = c->queue;
	const uint32_t count = c->nqueue;
	bool out_of_memory;
	uint32_t i;

	(void)a;
	(void)n;
	if (!c->multi) {
		pd_reply_error(&c->reply, "ERR EXEC without MULTI");
		return;
	}
	look_at_watched(c);
	out_of_memory = !c->multi_failed && no_memory(c);
	if (c->multi_failed || c->multi_stale || out_of_memory) {
		if (out_of_memory)
			pd_reply_error(&c->reply,
			    "EXECABORT Transaction discarded "
			    "because of: " PD_ERR_OOM);
		else if (c->multi_failed)
			pd_reply_error(&c->reply,
			    "EXECABORT Transaction discarded because of "
			    "previous errors.");
		else
			pd_reply_null_array(&c->reply);
		pd_client_discard(c);
		pd_client_unwatch(c);
		return;
	}
	c->queue = NULL; /* ours now */
	c->nqueue = 0;
	pd_client_discard(c);
	pd_client_unwatch(c);
	c->in_exec = true;
	pd_reply_array(&c->reply, count);
	for (i = 0; i < count; i++) {
		if (!c->closed)
			run_queued(c, &q[i]);
		free(q[i].argv);
	}
	free(q);
	c->in_exec = false;
}

#define BASE                                                                   \
	(PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_FAST |       \
	    PD_CMD_BUSY | PD_CMD_NOT_QUEUED)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_TRANSACTION, .group = "transactions"

const struct pd_command pd_commands_multi[] = {
    {DEF("multi", 1, BASE | PD_CMD_OWN), .run = run_multi, .since = "1.2.0",
	.complexity = "O(1)", .summary = "Begin a transaction."},
    {DEF("exec", 1,
	 PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_SKIP_SLOWLOG |
	     PD_CMD_NOT_QUEUED),
	.run = run_exec, .since = "1.2.0",
	.complexity = "Depends on commands in the transaction",
	.summary = "Run the commands of a transaction."},
    {DEF("discard", 1, BASE), .run = run_discard, .since = "2.0.0",
	.complexity = "O(N)", .summary = "Forget a transaction."},
    {DEF("watch", -2, BASE | PD_CMD_ALONE), .key = {{1, -1, 1, PD_KEY_RO}},
	.run = run_watch, .since = "2.2.0", .complexity = "O(1)",
	.summary = "Let EXEC fail when a key changes."},
    {DEF("unwatch", 1,
	 PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_FAST |
	     PD_CMD_BUSY),
	.run = run_unwatch, .since = "2.2.0", .complexity = "O(1)",
	.summary = "Forget the watched keys."},
    {.name = NULL},
};
