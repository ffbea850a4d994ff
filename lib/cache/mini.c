#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/keyindex.h"
#include "cache/mini.h"

#define FIRST_SLOTS 64

struct resident {
	uint64_t key;
	uint32_t units;
	uint32_t next; /* of the spare slots */
};

/* Slots are given out in order, then from a list of released ones. */
struct pd_mini {
	const struct pd_policy_ops *ops;
	struct pd_policy *policy; /* NULL: off */
	struct pd_keyindex index; /* key -> slot */
	struct resident *slot;
	uint32_t slots; /* allocated */
	uint32_t taken; /* ever used */
	uint32_t spare; /* first released slot, or PD_NO_SLOT */
	uint64_t real;	/* capacity of the real cache */
	bool by_bytes;
	void (*watch)(void *cookie, uint64_t key, bool held);
	void *cookie;
	struct pd_mini_stats stats;
};

unsigned
pd_mini_shift(uint64_t objects, uint32_t most)
{
	unsigned shift = 0;

	while (shift < PD_MINI_SHIFT_MAX && objects >> shift > most)
		shift++;
	return shift;
}

static uint64_t
capacity(const struct pd_mini *m)
{
	const uint64_t units = m->real >> m->stats.shift;

	return units > 0 ? units : 1;
}

struct pd_mini *
pd_mini_new(const struct pd_policy_ops *ops,
    const struct pd_policy_params *real, unsigned shift, struct pd_err *err)
{
	struct pd_policy_params params = *real;
	struct pd_mini *m;

	if ((m = calloc(1, sizeof(*m))) == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	m->ops = ops;
	m->spare = PD_NO_SLOT;
	m->real = real->capacity;
	m->by_bytes = real->by_bytes;
	m->stats.shift = shift;
	params.capacity = capacity(m);
	params.resident = NULL;
	params.objects_hint = FIRST_SLOTS;
	if (!m->by_bytes && params.capacity < PD_MINI_MAX)
		params.objects_hint = (uint32_t)params.capacity;
	if (pd_keyindex_init(&m->index, NULL, sizeof(*m->slot)) < 0) {
		(void)pd_err_nomem(err);
		goto err0;
	}
	if ((m->policy = ops->create(&params, err)) == NULL)
		goto err1;
	return m;
err1:
	pd_keyindex_release(&m->index);
err0:
	free(m);
	return NULL;
}

void
pd_mini_free(struct pd_mini *m)
{
	if (m == NULL)
		return;
	if (m->policy != NULL)
		m->ops->destroy(m->policy);
	pd_keyindex_release(&m->index);
	free(m->slot);
	free(m);
}

struct pd_mini *
pd_mini_copy(const struct pd_mini *m, const struct pd_model *model)
{
	struct pd_mini *c;

	if (m->policy == NULL || m->ops->copy == NULL ||
	    (c = malloc(sizeof(*c))) == NULL)
		return NULL;
	*c = *m;
	c->watch = NULL;
	c->slot = calloc(m->slots > 0 ? m->slots : 1, sizeof(*c->slot));
	if (c->slot == NULL)
		goto err0;
	if (m->slots > 0)
		memcpy(c->slot, m->slot, m->slots * sizeof(*c->slot));
	if (pd_keyindex_copy(&c->index, &m->index, c->slot) < 0)
		goto err1;
	if ((c->policy = m->ops->copy(m->policy)) == NULL)
		goto err2;
	pd_mini_set_model(c, model);
	return c;
err2:
	pd_keyindex_release(&c->index);
err1:
	free(c->slot);
err0:
	free(c);
	return NULL;
}

/* Out of memory: give everything back but the counts. */
static void
turn_off(struct pd_mini *m)
{
	m->ops->destroy(m->policy);
	m->policy = NULL;
	pd_keyindex_release(&m->index);
	free(m->slot);
	m->slot = NULL;
	m->slots = 0;
	m->stats.off = true;
	m->stats.objects = 0;
	m->stats.used = 0;
}

/* More slots. 0, or -1 out of memory. */
static int
grow(struct pd_mini *m)
{
	const uint32_t n = m->slots + m->slots / 4 + FIRST_SLOTS;
	struct resident *slot;

	if (n >= PD_NO_SLOT / 4)
		return -1;
	slot = realloc(m->slot, n * sizeof(*slot));
	if (slot == NULL)
		return -1;
	m->slot = slot;
	pd_keyindex_move(&m->index, slot);
	if (pd_keyindex_reserve(&m->index, n) < 0 ||
	    m->ops->reserve(m->policy, n) < 0)
		return -1;
	m->slots = n;
	return 0;
}

/* A slot for an object that comes in; PD_NO_SLOT out of memory. */
static uint32_t
take_slot(struct pd_mini *m)
{
	const uint32_t i = m->spare;

	if (i != PD_NO_SLOT) {
		m->spare = m->slot[i].next;
		return i;
	}
	if (m->taken == m->slots && grow(m) < 0)
		return PD_NO_SLOT;
	return m->taken++;
}

static void
drop(struct pd_mini *m, uint32_t i, bool evicted)
{
	m->ops->remove(m->policy, i, m->slot[i].key, evicted);
	pd_keyindex_del(&m->index, i);
	m->stats.used -= m->slot[i].units;
	m->stats.objects--;
	m->stats.evictions += evicted;
	m->slot[i].next = m->spare;
	m->spare = i;
	if (m->watch != NULL)
		m->watch(m->cookie, m->slot[i].key, false);
}

static void
make_room(struct pd_mini *m, uint64_t limit, uint64_t tick)
{
	uint32_t i;

	while (m->stats.used > limit) {
		i = m->ops->victim(m->policy, tick);
		if (i == PD_NO_SLOT)
			break;
		drop(m, i, true);
	}
}

static uint32_t
find(const struct pd_mini *m, uint64_t key)
{
	if (m->policy == NULL || !pd_mini_sampled(key, m->stats.shift))
		return PD_KEYINDEX_NONE;
	return pd_keyindex_find(&m->index, key);
}

enum pd_mini_found
pd_mini_access(struct pd_mini *m, const struct pd_access *acc)
{
	struct pd_access own = *acc;
	uint32_t i;

	if (m->policy == NULL || !pd_mini_sampled(acc->key, m->stats.shift))
		return PD_MINI_UNSEEN;
	m->stats.accesses++;
	m->stats.bytes += acc->bytes;
	i = pd_keyindex_find(&m->index, acc->key);
	if (i == PD_KEYINDEX_NONE) {
		m->stats.misses++;
		m->stats.byte_misses += acc->bytes;
		return PD_MINI_MISS;
	}
	if (own.size == 0 || !m->by_bytes)
		own.size = m->slot[i].units;
	m->ops->hit(m->policy, i, &own);
	return PD_MINI_HIT;
}

/* The resident ${i} is of acc->size units now. */
static void
resize(struct pd_mini *m, uint32_t i, const struct pd_access *acc)
{
	if (!m->by_bytes || acc->size == m->slot[i].units)
		return;
	if (acc->size > capacity(m)) {
		drop(m, i, false);
		return;
	}
	m->stats.used = m->stats.used - m->slot[i].units + acc->size;
	m->slot[i].units = acc->size;
	if (m->ops->set_size != NULL)
		m->ops->set_size(m->policy, i, acc);
	make_room(m, capacity(m), acc->tick);
}

void
pd_mini_fill(struct pd_mini *m, const struct pd_access *acc)
{
	uint32_t i = find(m, acc->key);

	if (m->policy == NULL || !pd_mini_sampled(acc->key, m->stats.shift))
		return;
	if (i != PD_KEYINDEX_NONE) {
		resize(m, i, acc);
		return;
	}
	m->ops->miss(m->policy, acc);
	if (acc->size > capacity(m))
		return;
	make_room(m, capacity(m) - acc->size, acc->tick);
	if ((i = take_slot(m)) == PD_NO_SLOT) {
		turn_off(m);
		return;
	}
	m->slot[i].key = acc->key;
	m->slot[i].units = acc->size;
	pd_keyindex_add(&m->index, i);
	m->stats.used += acc->size;
	m->stats.objects++;
	m->ops->insert(m->policy, i, acc);
	if (m->watch != NULL)
		m->watch(m->cookie, acc->key, true);
}

void
pd_mini_set_size(struct pd_mini *m, const struct pd_access *acc)
{
	const uint32_t i = find(m, acc->key);

	if (i != PD_KEYINDEX_NONE)
		resize(m, i, acc);
}

void
pd_mini_delete(struct pd_mini *m, uint64_t key)
{
	const uint32_t i = find(m, key);

	if (i != PD_KEYINDEX_NONE)
		drop(m, i, false);
}

/* The policy and the residents fit the capacity as it is. */
static void
refit(struct pd_mini *m, uint64_t tick)
{
	if (m->ops->set_capacity != NULL)
		m->ops->set_capacity(m->policy, capacity(m));
	make_room(m, capacity(m), tick);
}

void
pd_mini_set_capacity(struct pd_mini *m, uint64_t units, uint64_t tick)
{
	m->real = units;
	if (m->policy != NULL)
		refit(m, tick);
}

void
pd_mini_set_model(struct pd_mini *m, const struct pd_model *model)
{
	if (m->policy != NULL && m->ops->set_model != NULL)
		m->ops->set_model(m->policy, model);
}

static bool
is_resident(const struct pd_mini *m, uint32_t i)
{
	return pd_keyindex_find(&m->index, m->slot[i].key) == i;
}

static void
leave_sample(struct pd_mini *m)
{
	uint32_t i;

	for (i = 0; i < m->taken; i++)
		if (!pd_mini_sampled(m->slot[i].key, m->stats.shift) &&
		    is_resident(m, i))
			drop(m, i, false);
}

/* Give the residents the lowest slots: an index of those, or -1. */
static int
gather(struct pd_mini *m, struct pd_keyindex *index)
{
	uint32_t i, to = 0;

	if (pd_keyindex_init(index, m->slot, sizeof(*m->slot)) < 0)
		return -1;
	if (pd_keyindex_reserve(index, m->stats.objects) < 0) {
		pd_keyindex_release(index);
		return -1;
	}
	for (i = 0; i < m->taken; i++) {
		if (!is_resident(m, i))
			continue;
		if (to != i) {
			m->ops->move(m->policy, i, to);
			pd_keyindex_del(&m->index, i);
			m->slot[to] = m->slot[i];
			pd_keyindex_add(&m->index, to);
		}
		pd_keyindex_add(index, to++);
	}
	return 0;
}

/* Give back what fewer residents do not need. Where memory is short nothing
 * changes. */
static void
shrink(struct pd_mini *m)
{
	struct pd_keyindex index;
	struct resident *slot;
	uint32_t n = m->stats.objects;

	if (n < FIRST_SLOTS)
		n = FIRST_SLOTS;
	if (n >= m->slots || gather(m, &index) < 0)
		return;
	m->taken = m->stats.objects;
	m->spare = PD_NO_SLOT;
	(void)m->ops->reserve(m->policy, n);
	pd_keyindex_release(&m->index);
	m->index = index;
	slot = realloc(m->slot, n * sizeof(*slot));
	if (slot != NULL)
		m->slot = slot;
	pd_keyindex_move(&m->index, m->slot);
	m->slots = n;
	if (pd_keyindex_reserve(&m->index, n) < 0)
		turn_off(m);
}

void
pd_mini_set_shift(struct pd_mini *m, unsigned shift, uint64_t tick)
{
	if (shift <= m->stats.shift)
		return;
	m->stats.shift = shift;
	if (m->policy == NULL)
		return;
	leave_sample(m);
	refit(m, tick);
	shrink(m);
}

void
pd_mini_watch(struct pd_mini *m,
    void (*fn)(void *cookie, uint64_t key, bool held), void *cookie)
{
	m->watch = fn;
	m->cookie = cookie;
}

bool
pd_mini_has(const struct pd_mini *m, uint64_t key)
{
	return find(m, key) != PD_KEYINDEX_NONE;
}

void
pd_mini_each(const struct pd_mini *m, void (*fn)(void *cookie, uint64_t key),
    void *cookie)
{
	uint32_t i;

	for (i = 0; m->policy != NULL && i < m->taken; i++)
		if (pd_keyindex_find(&m->index, m->slot[i].key) == i)
			fn(cookie, m->slot[i].key);
}

uint32_t
pd_mini_objects(const struct pd_mini *m)
{
	return m->stats.objects;
}

size_t
pd_mini_memory(const struct pd_mini *m)
{
	if (m->policy == NULL)
		return sizeof(*m);
	return sizeof(*m) + m->slots * sizeof(*m->slot) +
	       pd_keyindex_memory(&m->index) + m->ops->memory(m->policy);
}

void
pd_mini_stats(const struct pd_mini *m, struct pd_mini_stats *out)
{
	*out = m->stats;
	out->memory = pd_mini_memory(m);
}
