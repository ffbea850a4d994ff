#include "cache/policy_cost.h"
#include "base/err.h"
#include "cache/policy.h"

#define PROBE_SLOTS 1024

int
pd_policy_slot_bytes(const struct pd_policy_ops *ops,
    const struct pd_policy_params *params, uint32_t *out, struct pd_err *err)
{
	struct pd_policy *p = ops->create(params, err);
	size_t first;
	int rc = -1;

	if (p == NULL)
		return -1;
	if (ops->set_history != NULL)
		ops->set_history(p, 0);
	if (ops->reserve(p, PROBE_SLOTS) == -1)
		goto out;
	first = ops->memory(p);
	if (ops->reserve(p, 2 * PROBE_SLOTS) == -1)
		goto out;
	*out = (uint32_t)((ops->memory(p) - first) / PROBE_SLOTS);
	rc = 0;
out:
	ops->destroy(p);
	return rc == 0 ? 0 : pd_err_nomem(err);
}
