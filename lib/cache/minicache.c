#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/err.h"
#include "cache/context.h"
#include "cache/keyindex.h"
#include "cache/learned.h"
#include "cache/minicache.h"
#include "cache/policy.h"
#include "data/event.h"
#include "data/feature.h"

#define FIRST_SLOTS 64
#define NO_EXPIRY UINT64_MAX /* of expires_ms: never */

struct resident {
	uint64_t key;
	uint64_t expires_ms;
	uint32_t units;
	uint32_t next_spare;
};

struct pd_minicache {
	struct pd_policy *policy;
	const struct pd_policy_ops *ops;
	struct pd_context *ctx;
	struct pd_keyindex index; /* key -> slot */
	struct resident *slot;
	uint32_t slots; /* allocated */
	uint32_t taken; /* ever used */
	uint32_t spare; /* first released slot, or PD_NO_SLOT */
	uint64_t used;	/* units */
	uint64_t capacity;
	uint64_t tick; /* of the last access */
	bool by_bytes;
	bool fills;
	struct pd_minicache_stats stats;
};

struct pd_minicache *
pd_minicache_new(
    uint64_t capacity, bool by_bytes, bool fills, struct pd_err *err)
{
	struct pd_policy_params params = {
	    .capacity = capacity, .by_bytes = by_bytes, .objects_hint = 1};
	struct pd_minicache *m;

	if ((m = calloc(1, sizeof(*m))) == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	m->ops = &pd_policy_learned;
	m->spare = PD_NO_SLOT;
	m->capacity = capacity;
	m->by_bytes = by_bytes;
	m->fills = fills;
	m->ctx = pd_context_new(capacity, by_bytes, err);
	if (m->ctx == NULL)
		goto err1;
	params.context = m->ctx;
	m->policy = m->ops->create(&params, err);
	if (m->policy == NULL)
		goto err1;
	if (pd_keyindex_init(&m->index, NULL, sizeof(*m->slot)) < 0) {
		(void)pd_err_nomem(err);
		goto err1;
	}
	return m;

err1:
	pd_minicache_free(m);
	return NULL;
}

void
pd_minicache_free(struct pd_minicache *m)
{
	if (m == NULL)
		return;
	if (m->policy != NULL)
		m->ops->destroy(m->policy);
	pd_context_free(m->ctx);
	pd_keyindex_release(&m->index);
	free(m->slot);
	free(m);
}

/* A slot for an object that comes in; PD_NO_SLOT out of memory. */
static uint32_t
take_slot(struct pd_minicache *m)
{
	uint32_t i = m->spare, n = m->slots * 2;
	struct resident *slot;

	if (i != PD_NO_SLOT) {
		m->spare = m->slot[i].next_spare;
		return i;
	}
	if (m->taken < m->slots)
		return m->taken++;
	if (n == 0)
		n = FIRST_SLOTS;
	if (n >= PD_NO_SLOT / 4)
		return PD_NO_SLOT;
	slot = realloc(m->slot, n * sizeof(*slot));
	if (slot == NULL)
		return PD_NO_SLOT;
	m->slot = slot;
	pd_keyindex_move(&m->index, slot);
	if (pd_keyindex_reserve(&m->index, n) < 0 ||
	    m->ops->reserve(m->policy, n) < 0)
		return PD_NO_SLOT;
	m->slots = n;
	return m->taken++;
}

static void
drop(struct pd_minicache *m, uint32_t i, bool evicted)
{
	m->ops->remove(m->policy, i, m->slot[i].key, evicted);
	pd_keyindex_del(&m->index, i);
	m->used -= m->slot[i].units;
	m->slot[i].next_spare = m->spare;
	m->spare = i;
	m->stats.objects--;
	m->stats.evictions += evicted;
}

static void
make_room(struct pd_minicache *m, uint64_t limit)
{
	uint32_t i;

	while (m->used > limit) {
		i = m->ops->victim(m->policy, m->tick);
		if (i == PD_NO_SLOT)
			break;
		drop(m, i, true);
	}
}

/* The units of an object of ${size} bytes, 0 unknown. */
static uint32_t
units_of(const struct pd_minicache *m, uint32_t size)
{
	return m->by_bytes && size != 0 ? size : 1;
}

static int
admit(struct pd_minicache *m, const struct pd_event *e,
    const struct pd_access *acc)
{
	uint32_t i;

	if (acc->size > m->capacity)
		return 0;
	make_room(m, m->capacity - acc->size);
	if ((i = take_slot(m)) == PD_NO_SLOT)
		return -1;
	m->slot[i].key = e->key;
	m->slot[i].units = acc->size;
	m->slot[i].expires_ms = NO_EXPIRY;
	pd_keyindex_add(&m->index, i);
	m->used += acc->size;
	m->stats.objects++;
	m->ops->insert(m->policy, i, acc);
	return 0;
}

/* What a SET, a fill or an EXPIRE says of a resident. */
static void
update(struct pd_minicache *m, uint32_t i, const struct pd_event *e)
{
	struct pd_access acc = {.key = e->key, .tick = e->tick};
	struct resident *r = &m->slot[i];
	uint32_t units = units_of(m, e->size);
	uint64_t now_ms = e->time_us / 1000;

	if (e->op == PD_OP_SET || e->op == PD_OP_EXPIRE)
		r->expires_ms = NO_EXPIRY;
	if (e->flags & PD_EV_TTL)
		r->expires_ms = e->ttl_ms < NO_EXPIRY - now_ms
				    ? now_ms + e->ttl_ms
				    : NO_EXPIRY;
	if (e->op == PD_OP_GET || e->size == 0)
		return;
	if (units > m->capacity) {
		drop(m, i, false);
		return;
	}
	m->used = m->used - r->units + units;
	r->units = units;
	acc.size = units;
	acc.bytes = e->size;
	if (m->ops->set_size != NULL)
		m->ops->set_size(m->policy, i, &acc);
	pd_context_set_size(m->ctx, e->key, units);
	make_room(m, m->capacity);
}

/* The policy's view of an event, as the server gives it. */
static struct pd_access
access_of(const struct pd_minicache *m, const struct pd_event *e)
{
	struct pd_access acc = {.key = e->key,
	    .tick = e->tick,
	    .size = units_of(m, e->size),
	    .bytes = e->size,
	    .op = e->op,
	    .ttl = e->flags & PD_EV_TTL ? pd_code(e->ttl_ms / 1000)
					: PD_CODE_NONE};

	/* A fill is the read that missed. */
	if (e->flags & PD_EV_FILL)
		acc.op = PD_OP_GET;
	return acc;
}

/* Store what was missed. 0, or -1 out of memory. */
static int
store(struct pd_minicache *m, const struct pd_event *e)
{
	const struct pd_access acc = access_of(m, e);
	uint32_t i;

	pd_context_fill(m->ctx, e->key, acc.size, acc.tick);
	m->ops->miss(m->policy, &acc);
	if (admit(m, e, &acc) < 0)
		return -1;
	i = pd_keyindex_find(&m->index, e->key);
	if (i != PD_KEYINDEX_NONE)
		update(m, i, e);
	return 0;
}

static int
play(struct pd_minicache *m, const struct pd_event *e, uint32_t i,
    struct pd_served *out)
{
	struct pd_access acc = access_of(m, e);
	const bool hit = i != PD_KEYINDEX_NONE;
	struct pd_context_codes c;

	if (hit && e->size == 0)
		acc.size = m->slot[i].units;
	m->tick = e->tick;
	m->stats.accesses++;
	m->stats.hits += hit;
	pd_context_access(m->ctx, e->key, hit, acc.size, e->tick);
	if (hit) {
		(void)pd_learned_served(m->policy, i, e->tick, out);
		m->ops->hit(m->policy, i, &acc);
		update(m, i, e);
		return 1;
	}
	c = pd_context_codes(m->ctx);
	memset(out, PD_CODE_NONE, sizeof(*out));
	out->flags = 0;
	out->evict_age = c.evict_age;
	out->hit_ratio = c.hit_ratio;
	out->new_share = c.new_share;
	if (m->fills && (e->flags & PD_EV_HIT) == 0 && !pd_op_writes(e->op))
		return 0;
	return store(m, e);
}

int
pd_minicache_event(
    struct pd_minicache *m, const struct pd_event *e, struct pd_served *out)
{
	uint32_t i = pd_keyindex_find(&m->index, e->key);
	bool gone = e->op == PD_OP_DEL;

	if (i != PD_KEYINDEX_NONE &&
	    (gone || m->slot[i].expires_ms <= e->time_us / 1000)) {
		gone = true;
		drop(m, i, false);
		i = PD_KEYINDEX_NONE;
	}
	if (gone)
		pd_context_delete(m->ctx, e->key);
	if (pd_event_is_access(e))
		return play(m, e, i, out);
	if (i == PD_KEYINDEX_NONE)
		return m->fills && e->flags & PD_EV_FILL ? store(m, e) : 0;
	if (e->op != PD_OP_OTHER)
		update(m, i, e);
	return 0;
}

bool
pd_minicache_served(const struct pd_minicache *m, uint64_t key, uint64_t tick,
    struct pd_served *out)
{
	uint32_t i = pd_keyindex_find(&m->index, key);

	return i != PD_KEYINDEX_NONE &&
	       pd_learned_served(m->policy, i, tick, out);
}

void
pd_minicache_stats(const struct pd_minicache *m, struct pd_minicache_stats *out)
{
	*out = m->stats;
	out->memory_bytes = sizeof(*m) + m->slots * sizeof(*m->slot) +
			    pd_keyindex_memory(&m->index) +
			    m->ops->memory(m->policy) +
			    pd_context_memory(m->ctx);
}
