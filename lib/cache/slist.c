#include "cache/slist.h"
#include "base/grow.h"
#include <assert.h>

void
pd_slots_init(struct pd_slots *s, unsigned want)
{
	*s = (struct pd_slots){.want = want};
}

void
pd_slots_release(struct pd_slots *s)
{
	pd_grow_free(s->link);
	pd_grow_free(s->tag);
	pd_grow_free(s->print);
	pd_grow_free(s->size);
	pd_slots_init(s, s->want);
}

/* Resize one array of the set; ${p} stays valid when memory runs out. */
static void *
resize(void *p, unsigned wanted, uint32_t n, size_t each, int *failed)
{
	void *q;

	if (!wanted)
		return NULL;
	q = pd_grow(p, (size_t)n * each);
	if (q == NULL) {
		*failed = 1;
		return p;
	}
	return q;
}

int
pd_slots_reserve(struct pd_slots *s, uint32_t n)
{
	int failed = 0;

	if (n == s->n)
		return 0;
	s->link = resize(
	    s->link, s->want & PD_SLOTS_LINK, n, sizeof(*s->link), &failed);
	s->tag =
	    resize(s->tag, s->want & PD_SLOTS_TAG, n, sizeof(*s->tag), &failed);
	s->print = resize(
	    s->print, s->want & PD_SLOTS_PRINT, n, sizeof(*s->print), &failed);
	s->size = resize(
	    s->size, s->want & PD_SLOTS_SIZE, n, sizeof(*s->size), &failed);
	/* An array that could not shrink is larger than said, no more. */
	if (failed && n > s->n)
		return -1;
	s->n = n;
	return 0;
}

size_t
pd_slots_memory(const struct pd_slots *s)
{
	size_t each = 0;

	each += s->want & PD_SLOTS_LINK ? sizeof(*s->link) : 0;
	each += s->want & PD_SLOTS_TAG ? sizeof(*s->tag) : 0;
	each += s->want & PD_SLOTS_PRINT ? sizeof(*s->print) : 0;
	each += s->want & PD_SLOTS_SIZE ? sizeof(*s->size) : 0;
	return each * s->n;
}
