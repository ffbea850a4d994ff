#ifndef PD_CACHE_PANEL_H
#define PD_CACHE_PANEL_H

/*
 * The experts of a selector: miniature caches (mini.h) of several policies over
 * the same sample of the same accesses, and the judge (judge.h) of their
 * misses. Expert 0 is the default. The minis hold at most a given number of
 * objects each; where one would hold more the rate of all is halved. An expert
 * whose mini is off takes no part. A panel of none judges nobody. Not
 * thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/judge.h"
#include "cache/mini.h"
#include "cache/policy.h"

struct pd_err;
struct pd_model;

struct pd_panel {
	unsigned experts;
	bool champion; /* the last expert is one */
	struct pd_mini *mini[PD_JUDGE_EXPERTS];
	uint64_t wait[PD_JUDGE_EXPERTS]; /* accesses until it is judged */
	struct pd_judge judge;
	double weights; /* of accesses to sampled keys, their sum and */
	double weighed; /* number, both decayed */
	enum pd_objective objective;
	unsigned shift; /* the rate is 2^-shift */
	uint32_t most;	/* objects a mini */
	uint64_t seen;	/* accesses to keys of the sample */
	size_t memory;	/* of the minis, counted when that may have changed */
};

/*
 * pd_panel_init(p, ops, n, most, real, err):
 * ${n} experts of policies ${ops}[n] for the cache that ${real} is of. Each
 * holds at most ${most} objects; one that takes a model gets that of ${real}.
 * 0, or -1 with a message and nothing to
 * release.
 */
int pd_panel_init(struct pd_panel *p, const struct pd_policy_ops *const *ops,
    unsigned n, uint32_t most, const struct pd_policy_params *real,
    struct pd_err *err);
void pd_panel_release(struct pd_panel *p);

/* Whether an access to ${key} says anything to the panel: the others, which
 * are most, need not be told to it. */
static inline bool
pd_panel_sees(const struct pd_panel *p, uint64_t key)
{
	return p->experts > 0 && pd_mini_sampled(key, p->shift);
}

/* An access, whose object is stored if it was missed. True when it is time to
 * ask the judge. */
bool pd_panel_access(struct pd_panel *p, const struct pd_access *acc);
void pd_panel_set_size(struct pd_panel *p, const struct pd_access *acc);
void pd_panel_delete(struct pd_panel *p, uint64_t key);
void pd_panel_set_capacity(
    struct pd_panel *p, uint64_t capacity, uint64_t tick);

/* The objects that each of ${n} minis may hold within about ${bytes}; 0: too
 * few to say anything. */
uint32_t pd_panel_room(unsigned n, uint64_t bytes);
/* Hold at most ${most} a mini, by the rate. */
void pd_panel_limit(struct pd_panel *p, uint32_t most, uint64_t tick);
/* Whether the sample has become much smaller than it might be: then a new
 * panel is worth more. */
bool pd_panel_thin(const struct pd_panel *p);

/*
 * ${expert} uses another model from now on (NULL: none). It is judged afresh,
 * once what its mini holds is of its own choosing: after as many accesses as it
 * holds objects.
 */
void pd_panel_set_model(
    struct pd_panel *p, unsigned expert, const struct pd_model *model);

/*
 * pd_panel_challenge(p, expert, model):
 * The same, but what ${expert} was stays, with its model and standing, as one
 * more expert, the last: the champion. The mini of ${expert} begins as a copy
 * of the champion's. Where there is a champion already it stays that, and
 * ${expert} is replaced. 0, or -1 without memory, with nothing changed.
 */
int pd_panel_challenge(
    struct pd_panel *p, unsigned expert, const struct pd_model *model);

/* The champion, if there is one, leaves. It must not rule. */
void pd_panel_let_go(struct pd_panel *p);

/* The experts that work, as bits. */
uint32_t pd_panel_working(const struct pd_panel *p);
/* Bytes allocated, the structure itself not among them; O(1), it is asked at
 * every write. */
size_t pd_panel_memory(const struct pd_panel *p);

#endif /* PD_CACHE_PANEL_H */
