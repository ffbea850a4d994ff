/*
 * The shards' locks within a turn, with several loops. To take a lock for every
 * command costs, what belongs to a shard then travels between processors each
 * time, and memory is brought near for few keys at a time.
 *
 * Few clients: the shards of the keys that are brought near are kept for the
 * commands, as long as no other loop has one of them; otherwise each command
 * takes what it needs.
 *
 * Many clients: the loop goes from shard to shard, and with the lock of one
 * runs the next commands of all clients who need just that; each of them then
 * waits for the shard of its next command. A shard that another loop has is
 * left for later: with more shards than loops there is nearly always another.
 */

#include <string.h>

#include "base/ticks.h"
#include "cache/lock.h"
#include "cache/store.h"
#include "cache/turn_priv.h"

#define WIDE_LEAST 8 /* clients */

static inline uint64_t
bit(uint32_t shard)
{
	return UINT64_C(1) << shard % 64;
}

static inline uint32_t
shard_of(const struct pd_server *s, uint64_t hash)
{
	return (uint32_t)(pd_server_shard(s, hash) - s->shards);
}

/* Who is told of keys, or of commands, may be a client of another loop: then
 * commands run alone. */
static inline bool
may_keep(const struct pd_server *s)
{
	return s->notify == 0 && s->monitors == NULL;
}

/* Few clients. */

static void
unlock(struct pd_worker *w, const uint64_t *set)
{
	const uint32_t words = (w->server->nshards + 63) / 64;
	uint64_t bits;
	uint32_t i;

	for (i = 0; i < words; i++)
		for (bits = set[i]; bits != 0; bits &= bits - 1)
			pd_shard_unlock(
			    w, &w->server
				    ->shards[i * 64 +
					     (uint32_t)__builtin_ctzll(bits)]);
}

void
turn_let_go_slowly(struct pd_worker *w)
{
	unlock(w, w->kept);
	memset(w->kept, 0, sizeof(w->kept));
	memset(w->held, 0, sizeof(w->held));
	w->keeps = false;
}

/* Keys by their shards, and where each shard's end. */
struct by_shard {
	struct pd_near key[NEAR];
	uint8_t end[PD_SHARDS_MAX];
};

static void
sort(const struct pd_server *s, const uint64_t *hash, uint32_t n,
    struct by_shard *out)
{
	uint8_t shard[NEAR];
	uint32_t i, k, sum = 0;

	memset(out->end, 0, s->nshards);
	for (i = 0; i < n; i++) {
		shard[i] = (uint8_t)shard_of(s, hash[i]);
		out->end[shard[i]]++;
	}
	for (i = 0; i < s->nshards; i++) {
		k = out->end[i];
		out->end[i] = (uint8_t)sum;
		sum += k;
	}
	for (i = 0; i < n; i++)
		out->key[out->end[shard[i]]++] =
		    (struct pd_near){s->shards[shard[i]].store, hash[i]};
}

/* All the shards that have keys, or none. */
static bool
lock_all(struct pd_worker *w, const struct by_shard *b)
{
	struct pd_server *s = w->server;
	uint32_t i, from = 0;

	for (i = 0; i < s->nshards; from = b->end[i++]) {
		if (b->end[i] == from)
			continue;
		if (!pd_shard_trylock(w, &s->shards[i])) {
			unlock(w, w->kept);
			memset(w->kept, 0, sizeof(w->kept));
			return false;
		}
		w->kept[i / 64] |= bit(i);
	}
	return true;
}

void
turn_keep(struct pd_worker *w, const uint64_t *hash, uint32_t n)
{
	struct pd_server *s = w->server;
	struct by_shard b;
	uint32_t i, from = 0;

	turn_let_go(w);
	sort(s, hash, n, &b);
	if (may_keep(s) && lock_all(w, &b)) {
		pd_stores_prefetch(b.key, n);
		w->keeps = true;
		return;
	}
	for (i = 0; i < s->nshards; from = b.end[i++]) {
		if (b.end[i] == from)
			continue;
		pd_shard_lock(w, &s->shards[i]);
		pd_stores_prefetch(b.key + from, b.end[i] - from);
		pd_shard_unlock(w, &s->shards[i]);
	}
}

bool
turn_can_use(struct pd_turn *t, struct pd_client *c, const struct ahead *a)
{
	struct pd_worker *w = c->worker;
	const uint32_t end =
	    a == &t->ahead[t->nahead - 1] ? t->nkeys : a[1].key;
	uint32_t i, shard;

	memset(w->held, 0, sizeof(w->held));
	if (a->cmd == NULL || a->cmd->needs != PD_NEEDS_KEYS || c->multi)
		return false;
	for (i = a->key; i < end; i++) {
		shard = shard_of(w->server, t->hash[i]);
		if ((w->kept[shard / 64] & bit(shard)) == 0)
			return false;
		w->held[shard / 64] |= bit(shard);
	}
	return true;
}

/* Many clients. */

uint32_t
turn_wide_least(const struct pd_server *s)
{
	if (s->nworkers == 1 || s->nshards == 1 || !may_keep(s))
		return 0;
	return s->nshards * 2 > WIDE_LEAST ? s->nshards * 2 : WIDE_LEAST;
}

/* The key of a plain command on one key, or NULL. */
static inline const struct pd_arg *
only_key(const struct pd_client *c, const struct ahead *a)
{
	const struct pd_keyspec *k;

	if (a->cmd == NULL || a->cmd->needs != PD_NEEDS_KEYS || c->multi)
		return NULL;
	k = &a->cmd->def->key[0];
	if (k->last != 0 || a->argv[k->begin].n > PD_KEY_MAX)
		return NULL;
	return &a->argv[k->begin];
}

/* Client ${k} waits for the shard of its next command, if that is plain. */
static void
wait_for_shard(struct pd_server *s, struct pd_turn *t, uint16_t k)
{
	struct pd_client *c = t->wide[k];
	const struct pd_arg *key;
	struct queue *q;

	if (c->nahead == 0 || !turn_may_run(c) ||
	    (key = only_key(c, &t->ahead[c->ahead])) == NULL)
		return;
	q = &t->queue[shard_of(s, key->hash)];
	if (q->n++ == 0)
		q->first = k;
	else
		t->behind[q->last] = k;
	q->last = k;
	t->nwide++;
}

/* Take up to NEAR clients off a queue. */
static uint32_t
leave_queue(struct pd_turn *t, struct queue *q, uint16_t *k)
{
	uint32_t n;

	for (n = 0; n < NEAR && q->n > 0; n++, q->n--) {
		k[n] = q->first;
		q->first = t->behind[q->first];
	}
	t->nwide -= n;
	return n;
}

/* With the lock of a shard: run a command of each who waits for it. */
static void
serve(struct pd_worker *w, struct pd_turn *t, uint32_t shard)
{
	uint16_t k[NEAR];
	uint64_t hash[NEAR] = {0};
	const uint32_t n = leave_queue(t, &t->queue[shard], k);
	struct pd_client *c;
	uint32_t i;

	for (i = 0; i < n; i++)
		hash[i] = t->hash[t->ahead[t->wide[k[i]]->ahead].key];
	pd_store_prefetch(w->server->shards[shard].store, hash, n);
	w->held[shard / 64] = bit(shard);
	w->keeps = true;
	w->timing.at = pd_ticks();
	for (i = 0; i < n; i++) {
		c = w->current = t->wide[k[i]];
		turn_command(c, &t->ahead[c->ahead]);
		c->ahead++;
		c->nahead--;
	}
	w->current = NULL;
	w->keeps = false;
	w->held[shard / 64] = 0;
	for (i = 0; i < n; i++)
		wait_for_shard(w->server, t, k[i]);
}

/* Lock the next shard from ${i} on that somebody waits for. */
static uint32_t
lock_next(struct pd_worker *w, const struct pd_turn *t, uint32_t i)
{
	struct pd_server *s = w->server;
	uint32_t k, at, first = s->nshards;

	for (k = 0; k < s->nshards; k++) {
		at = (i + k) & s->shard_mask;
		if (t->queue[at].n == 0)
			continue;
		if (pd_shard_trylock(w, &s->shards[at]))
			return at;
		if (first == s->nshards)
			first = at;
	}
	pd_shard_lock(w, &s->shards[first]);
	return first;
}

void
turn_wide(struct pd_worker *w, struct pd_turn *t, struct pd_client *c)
{
	struct pd_server *s = w->server;
	const uint32_t few = turn_wide_least(s) / 2;
	uint32_t i, n = 0;

	t->nwide = 0;
	for (i = 0; i < s->nshards; i++)
		t->queue[i].n = 0;
	for (; c != NULL && n < COMMANDS; c = c->next_ready) {
		t->wide[n] = c;
		wait_for_shard(s, t, (uint16_t)n++);
	}
	for (i = w->number * 2; t->nwide > few; i++) {
		i = lock_next(w, t, i);
		serve(w, t, i);
		pd_shard_unlock(w, &s->shards[i]);
	}
}
