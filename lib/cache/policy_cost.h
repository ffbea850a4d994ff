#ifndef PD_CACHE_POLICY_COST_H
#define PD_CACHE_POLICY_COST_H

/* What a resident costs besides its entry: nobody writes these numbers down,
 * the policies are asked. */

#include <stdint.h>

struct pd_err;
struct pd_policy_ops;
struct pd_policy_params;

/* Bytes a key in the index at its usual load (predis-serve(1)). */
#define PD_INDEX_KEY_BYTES 9
/* Bytes a key to number it. */
#define PD_SLOT_KEY_BYTES 1

/*
 * pd_policy_slot_bytes(ops, params, out, err):
 * Bytes that an instance of a policy made with ${params} takes for each
 * resident, without ghosts and without what does not grow with their number, to
 * ${out}. Makes an instance and lets it go. 0, or -1 with a message.
 */
int pd_policy_slot_bytes(const struct pd_policy_ops *ops,
    const struct pd_policy_params *params, uint32_t *out, struct pd_err *err);

#endif /* PD_CACHE_POLICY_COST_H */
