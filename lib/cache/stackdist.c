/* A pass over a trace through the stack of lrustack.h. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/lrustack.h"
#include "cache/stackdist.h"
#include "cache/trace.h"
#include "data/event.h"

#define STRIDE 65536

static int
play(struct pd_lrustack *s, const struct pd_trace *t,
    const struct pd_stackdist_params *p, struct pd_stackdist *out,
    struct pd_err *err)
{
	struct pd_lrustack_depth d;
	size_t i;

	for (i = p->begin; i < p->end; i++) {
		if (p->step != NULL && (i - p->begin) % STRIDE == 0 &&
		    p->step(p->cookie, i) < 0)
			return -1;
		if (t->op != NULL && t->op[i] == PD_OP_DEL) {
			if (pd_lrustack_delete(s, t->id[i], err) < 0)
				return -1;
			continue;
		}
		if (pd_lrustack_access(s, t->id[i], t->size[i], &d, err) < 0)
			return -1;
		if (i < p->from)
			continue;
		out->requests++;
		out->bytes += t->size[i];
		out->hits[d.objects]++;
		out->hit_bytes[d.objects] += t->size[i];
	}
	return 0;
}

int
pd_stackdist_run(const struct pd_trace *t, const struct pd_stackdist_params *p,
    struct pd_stackdist *s, struct pd_err *err)
{
	/* A position for each entry: none is ever numbered anew. */
	const uint32_t n = (uint32_t)(p->end - p->begin);
	const size_t keys = (size_t)t->unique + 1;
	struct pd_lrustack stack;
	int rc = -1;

	memset(s, 0, sizeof(*s));
	s->most = t->unique;
	s->hits = calloc(keys, sizeof(*s->hits));
	s->hit_bytes = calloc(keys, sizeof(*s->hit_bytes));
	if (s->hits == NULL || s->hit_bytes == NULL) {
		(void)pd_err_nomem(err);
	} else {
		rc = pd_lrustack_init(
		    &stack, false, n > 0 ? n : 1, t->unique, err);
		if (rc == 0)
			rc = play(&stack, t, p, s, err);
		pd_lrustack_release(&stack);
	}
	if (rc < 0)
		pd_stackdist_release(s);
	return rc;
}

void
pd_stackdist_release(struct pd_stackdist *s)
{
	free(s->hits);
	free(s->hit_bytes);
	memset(s, 0, sizeof(*s));
}

uint64_t
pd_stackdist_misses(
    const struct pd_stackdist *s, uint64_t capacity, uint64_t *bytes)
{
	const uint64_t most = capacity < s->most ? capacity : s->most;
	uint64_t hits = 0, hit_bytes = 0, d;

	for (d = 1; d <= most; d++) {
		hits += s->hits[d];
		hit_bytes += s->hit_bytes[d];
	}
	if (bytes != NULL)
		*bytes = s->bytes - hit_bytes;
	return s->requests - hits;
}
