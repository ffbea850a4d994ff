#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cache/index.h"

#define ITEMS PD_INDEX_ITEMS
#define BUCKET_BYTES sizeof(struct pd_index_bucket)
#define NODE_BYTES sizeof(struct pd_index_node)
#define BITS_MIN 4
#define BITS_MAX 32
#define LOAD_MAX 8  /* items a bucket: more splits one ... */
#define LOAD_MIN 4  /* ... fewer merges one */
#define TAG_HIGH 47 /* the hash bits that are kept are 47 .. 32 */
#define TAG_LOW 32
#define DROP UINT64_C(64) /* buckets that fill a page */
#define NODES_MIN 256u

_Static_assert(BUCKET_BYTES == 64, "a bucket is a cache line");
_Static_assert(NODE_BYTES == 16, "a node is a quarter");

struct item {
	uint32_t item;
	uint16_t tag;
};

/* 2^bits empty buckets. */
static struct pd_index_bucket *
table_new(unsigned bits)
{
	return pd_grow(NULL, BUCKET_BYTES << bits);
}

int
pd_index_init(struct pd_index *ix,
    uint64_t (*hash)(const void *cookie, uint32_t item), const void *cookie)
{
	memset(ix, 0, sizeof(*ix));
	ix->bits = BITS_MIN;
	ix->hash = hash;
	ix->cookie = cookie;
	ix->nodes = 1;
	ix->small = table_new(ix->bits);
	return ix->small == NULL ? -1 : 0;
}

void
pd_index_release(struct pd_index *ix)
{
	pd_grow_free(ix->small);
	pd_grow_free(ix->large);
	pd_grow_free(ix->node);
	memset(ix, 0, sizeof(*ix));
}

uint64_t
pd_index_buckets(const struct pd_index *ix)
{
	return (UINT64_C(1) << ix->bits) + ix->split;
}

size_t
pd_index_memory(const struct pd_index *ix)
{
	return pd_index_buckets(ix) * BUCKET_BYTES + ix->nodes * NODE_BYTES;
}

/* Have at least ${n} free nodes. 0, or -1 out of memory. */
static int
ensure_nodes(struct pd_index *ix, uint32_t n)
{
	const uint32_t left = ix->spares + ix->cap - ix->nodes;
	uint32_t cap = ix->cap + ix->cap / 8;
	struct pd_index_node *p;

	if (ix->cap > 0 && left >= n)
		return 0;
	if (cap < ix->cap + NODES_MIN + n)
		cap = ix->cap + NODES_MIN + n;
	if ((p = pd_grow(ix->node, cap * NODE_BYTES)) == NULL)
		return -1;
	ix->node = p;
	ix->cap = cap;
	return 0;
}

/* A node without items; there must be one. */
static uint32_t
node_take(struct pd_index *ix)
{
	uint32_t n = ix->spare;

	if (n != 0) {
		ix->spare = ix->node[n].link;
		ix->spares--;
	} else {
		assert(ix->nodes < ix->cap);
		n = ix->nodes++;
	}
	memset(&ix->node[n], 0, NODE_BYTES);
	return n;
}

/* When none is in use the memory of all goes back. */
static void
node_give(struct pd_index *ix, uint32_t n)
{
	ix->node[n].link = ix->spare;
	ix->spare = n;
	if (++ix->spares < ix->nodes - 1 || ix->moving)
		return;
	pd_grow_free(ix->node);
	ix->node = NULL;
	ix->cap = ix->spare = ix->spares = 0;
	ix->nodes = 1;
}

/* Append to a bucket. 0, or -1 out of memory. */
static int
put(struct pd_index *ix, struct pd_index_bucket *b, struct item it)
{
	struct pd_index_node *n;
	uint32_t at;
	unsigned i;

	for (i = 0; i < ITEMS; i++)
		if (b->item[i] == 0) {
			b->item[i] = it.item;
			b->tag[i] = it.tag;
			return 0;
		}
	/* Only the first node of a chain has room. */
	if (b->link == 0 || ix->node[b->link].item[1] != 0) {
		if (ensure_nodes(ix, 1))
			return -1;
		at = node_take(ix);
		ix->node[at].link = b->link;
		b->link = at;
	}
	n = &ix->node[b->link];
	i = n->item[0] != 0;
	n->item[i] = it.item;
	n->tag[i] = it.tag;
	return 0;
}

/* Take the last item of a bucket out, which has one. */
static struct item
take_last(struct pd_index *ix, struct pd_index_bucket *b)
{
	struct pd_index_node *n;
	struct item it;
	uint32_t at = b->link;
	unsigned i;

	if (at != 0) {
		n = &ix->node[at];
		i = n->item[1] != 0;
		it = (struct item){n->item[i], n->tag[i]};
		n->item[i] = 0;
		n->tag[i] = 0;
		if (i == 0) {
			b->link = n->link;
			node_give(ix, at);
		}
		return it;
	}
	for (i = ITEMS - 1; i > 0 && b->item[i] == 0; i--)
		;
	it = (struct item){b->item[i], b->tag[i]};
	b->item[i] = 0;
	b->tag[i] = 0;
	return it;
}

static unsigned
count(const struct pd_index *ix, const struct pd_index_bucket *b)
{
	unsigned i, n = 0;
	uint32_t at;

	for (i = 0; i < ITEMS && b->item[i] != 0; i++)
		n++;
	for (at = b->link; at != 0; at = ix->node[at].link) {
		assert(ix->node != NULL);
		n += ix->node[at].item[1] != 0 ? 2 : 1;
	}
	return n;
}

/* Is bit ${bit} set in the hash of ${it}? */
static bool
hash_bit(const struct pd_index *ix, struct item it, unsigned bit)
{
	if (bit <= TAG_HIGH && bit >= TAG_LOW)
		return it.tag >> (bit - TAG_LOW) & 1;
	return ix->hash(ix->cookie, it.item - 1) >> bit & 1;
}

/* Move the items of ${from} to ${zero}, or to ${one} (may be NULL) where the
 * hash has ${bit}. There are nodes enough. */
static void
move(struct pd_index *ix, struct pd_index_bucket *from,
    struct pd_index_bucket *zero, struct pd_index_bucket *one, unsigned bit)
{
	struct item it;
	int r;

	ix->moving = true;
	while (from->item[0] != 0) {
		it = take_last(ix, from);
		r = put(
		    ix, one != NULL && hash_bit(ix, it, bit) ? one : zero, it);
		assert(r == 0);
		(void)r;
	}
	ix->moving = false;
}

/* Give the memory of empty buckets back. Pages do not begin where buckets do:
 * so that none is left, ${from} or ${to} is a page further than last time. */
static void
drop(struct pd_index_bucket *t, uint64_t from, uint64_t to)
{
	const uint64_t end = pd_grow_size(t) / BUCKET_BYTES;

	pd_grow_drop(
	    t, from * BUCKET_BYTES, (to < end ? to : end) * BUCKET_BYTES);
}

/* Split one bucket. Without memory the chains grow longer, no more. */
static void
grow(struct pd_index *ix)
{
	struct pd_index_bucket *from;
	uint64_t i;

	if (ix->large == NULL &&
	    (ix->bits == BITS_MAX ||
		(ix->large = table_new(ix->bits + 1)) == NULL))
		return;
	i = ix->split;
	from = ix->small + i;
	if (from->link != 0 && ensure_nodes(ix, count(ix, from)))
		return;
	move(ix, from, ix->large + 2 * i, ix->large + 2 * i + 1, 63 - ix->bits);
	ix->split++;
	if (ix->split < UINT64_C(1) << ix->bits) {
		if (ix->split % DROP == 0)
			drop(ix->small,
			    ix->split < 2 * DROP ? 0 : ix->split - 2 * DROP,
			    ix->split);
		return;
	}
	pd_grow_free(ix->small);
	ix->small = ix->large;
	ix->large = NULL;
	ix->bits++;
	ix->split = 0;
}

/* Merge two buckets into one. */
static void
shrink(struct pd_index *ix)
{
	struct pd_index_bucket *t, *a;
	uint64_t i;

	if (ix->large == NULL) {
		if ((t = table_new(ix->bits - 1)) == NULL)
			return;
		ix->large = ix->small;
		ix->small = t;
		ix->bits--;
		ix->split = UINT64_C(1) << ix->bits;
	}
	assert(ix->large != NULL && ix->small != NULL);
	i = ix->split - 1;
	a = ix->large + 2 * i;
	if (ensure_nodes(ix, count(ix, a) + count(ix, a + 1)))
		return;
	ix->split = i;
	move(ix, a, ix->small + i, NULL, 0);
	move(ix, a + 1, ix->small + i, NULL, 0);
	if (i == 0) {
		pd_grow_free(ix->large);
		ix->large = NULL;
	} else if (i % DROP == 0) {
		drop(ix->large, 2 * i, 2 * i + 3 * DROP);
	}
}

int
pd_index_add(struct pd_index *ix, uint64_t h, uint32_t item)
{
	assert(item <= PD_INDEX_MOST);
	if (put(ix, pd_index_bucket(ix, h),
		(struct item){item + 1, pd_index_tag(h)}))
		return -1;
	ix->used++;
	if (ix->used > pd_index_buckets(ix) * LOAD_MAX)
		grow(ix);
	return 0;
}

struct place {
	uint32_t *item;
	uint16_t *tag;
};

/* Where an item is that is in the index. */
static struct place
find(const struct pd_index *ix, struct pd_index_bucket *b, uint32_t item)
{
	struct pd_index_node *n;
	unsigned i;

	for (i = 0; i < ITEMS; i++)
		if (b->item[i] == item + 1)
			return (struct place){&b->item[i], &b->tag[i]};
	assert(b->link != 0 && ix->node != NULL);
	for (n = &ix->node[b->link];; n = &ix->node[n->link]) {
		for (i = 0; i < 2; i++)
			if (n->item[i] == item + 1)
				return (struct place){&n->item[i], &n->tag[i]};
		assert(n->link != 0);
	}
}

void
pd_index_del(struct pd_index *ix, uint64_t h, uint32_t item)
{
	struct pd_index_bucket *b = pd_index_bucket(ix, h);
	const struct place hole = find(ix, b, item);
	const struct item last = take_last(ix, b);

	/* The last may be the one, in a node that is no more. */
	if (last.item != item + 1) {
		*hole.item = last.item;
		*hole.tag = last.tag;
	}
	ix->used--;
	if (ix->used < pd_index_buckets(ix) * LOAD_MIN &&
	    pd_index_buckets(ix) > UINT64_C(1) << BITS_MIN)
		shrink(ix);
}

void
pd_index_replace(struct pd_index *ix, uint64_t h, uint32_t item, uint32_t with)
{
	*find(ix, pd_index_bucket(ix, h), item).item = with + 1;
}

uint64_t
pd_index_scan(const struct pd_index *ix, uint64_t cursor,
    void (*fn)(void *cookie, uint32_t item), void *cookie)
{
	const uint64_t h = cursor << 16;
	const struct pd_index_bucket *b = pd_index_bucket(ix, h);
	const bool moved = h >> (64 - ix->bits) < ix->split;
	const unsigned bits = ix->bits + moved;
	uint64_t next;
	uint32_t at;
	unsigned i;

	for (i = 0; i < ITEMS && b->item[i] != 0; i++)
		fn(cookie, b->item[i] - 1);
	for (at = b->link; at != 0; at = ix->node[at].link)
		for (i = 0; i < 2 && ix->node[at].item[i] != 0; i++)
			fn(cookie, ix->node[at].item[i] - 1);
	next = ((h >> (64 - bits)) + 1) << (48 - bits);
	return next >> 48 ? 0 : next;
}

struct pick {
	uint64_t left; /* items to pass before the pick */
	uint64_t seen;
	uint32_t item;
};

static void
pick(void *cookie, uint32_t item)
{
	struct pick *p = cookie;

	if (p->seen++ <= p->left)
		p->item = item;
}

uint32_t
pd_index_random(const struct pd_index *ix, uint64_t r)
{
	struct pick p = {.item = PD_INDEX_NONE};
	uint64_t at = r >> 16, start;

	if (ix->used == 0)
		return PD_INDEX_NONE;
	do {
		p.seen = 0;
		start = at;
		at = pd_index_scan(ix, at, pick, &p);
	} while (p.seen == 0);
	p.left = (r & 0xffff) % p.seen;
	p.seen = 0;
	pd_index_scan(ix, start, pick, &p);
	return p.item;
}
