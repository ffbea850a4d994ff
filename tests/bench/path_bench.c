/*
 * What a hit and a miss cost the policies that a server runs, with many
 * residents and random keys, so that caches of the processor do not help: CPU
 * nanoseconds of hit(), and of miss(), victim(), remove() and insert()
 * together. The bookkeeping of the owner (a table, the context) is not in it.
 *
 * path_bench [-m MODEL] [RESIDENTS]; for instruction counts run it under
 * valgrind --tool=callgrind and divide by the OPERATIONS it names.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "bench.h"
#include "cache/context.h"
#include "cache/policy.h"
#include "model/model.h"

#define OPERATIONS 2000000

static const char *const names[] = {"lru", "s3fifo", "lirs", "qdlp", "wtinylfu",
    "arc", "gdsf", "lhd", "learned"};

struct cache {
	struct pd_policy *p;
	struct pd_context *ctx;
	uint64_t *key; /* by slot */
	uint64_t tick;
	uint32_t n;
	struct pd_rng rng;
};

static struct pd_access
access_to(struct cache *c, uint64_t key)
{
	return (struct pd_access){.key = pd_mix64(key),
	    .tick = ++c->tick,
	    .size = 1,
	    .bytes = 100,
	    .ttl = 255};
}

static void
hit(struct cache *c)
{
	const uint32_t slot = pd_rng_below(&c->rng, c->n);
	const struct pd_access a = access_to(c, c->key[slot]);

	c->p->ops->hit(c->p, slot, &a);
}

/* Half of the keys that are missed come back from a past not long ago. */
static void
miss(struct cache *c)
{
	const uint64_t old = c->tick > c->n ? c->tick - c->n : c->tick;
	const uint64_t key = pd_rng_below(&c->rng, 2) == 0 ? old : c->tick;
	const struct pd_access a = access_to(c, key);
	uint32_t slot;

	c->p->ops->miss(c->p, &a);
	slot = c->p->ops->victim(c->p, a.tick);
	c->p->ops->remove(c->p, slot, pd_mix64(c->key[slot]), true);
	c->key[slot] = key;
	c->p->ops->insert(c->p, slot, &a);
}

static double
ns(struct cache *c, void (*step)(struct cache *))
{
	const double start = cpu_now();
	unsigned i;

	for (i = 0; i < OPERATIONS; i++)
		step(c);
	return (cpu_now() - start) * 1e9 / OPERATIONS;
}

static int
bench(const char *name, uint32_t n, const struct pd_model *m)
{
	const struct pd_policy_ops *ops = pd_policy_find(name);
	struct cache c = {.n = n, .key = calloc(n, sizeof(*c.key))};
	struct pd_policy_params params = {
	    .capacity = n, .seed = 1, .objects_hint = n, .model = m};
	struct pd_err err = PD_ERR_INIT;
	struct pd_access a;
	uint32_t i;

	/* The guard must not pause the model: nobody feeds the context. */
	params.unguarded = true;
	params.context = c.ctx = pd_context_new(n, false, &err);
	if (c.key == NULL || c.ctx == NULL ||
	    (c.p = ops->create(&params, &err)) == NULL ||
	    ops->reserve(c.p, n) < 0) {
		fprintf(stderr, "path_bench: %s: %s\n", name, err.msg);
		return -1;
	}
	pd_rng_init(&c.rng, 1);
	for (i = 0; i < n; i++) {
		c.key[i] = i;
		a = access_to(&c, i);
		ops->miss(c.p, &a);
		ops->insert(c.p, i, &a);
	}
	printf("%-10s %9u residents", name, n);
	printf("  %6.1f ns a hit", ns(&c, hit));
	printf("  %7.1f ns a miss", ns(&c, miss));
	printf(
	    "  %5.1f bytes a resident\n", (double)ops->memory(c.p) / (double)n);
	ops->destroy(c.p);
	pd_context_free(c.ctx);
	free(c.key);
	return 0;
}

int
main(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_model *m = NULL;
	uint32_t n = 1000000;
	unsigned i;
	int rc = 0;

	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		if ((m = pd_model_load(argv[2], &err)) == NULL) {
			fprintf(stderr, "path_bench: %s\n", err.msg);
			return 2;
		}
		argc -= 2;
		argv += 2;
	}
	if (argc > 1)
		n = (uint32_t)strtoul(argv[1], NULL, 10);
	for (i = 0; rc == 0 && n > 0 && i < sizeof(names) / sizeof(*names); i++)
		rc = bench(names[i], n, m);
	pd_model_free(m);
	return rc != 0;
}
