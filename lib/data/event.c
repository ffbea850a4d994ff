#include <string.h>
#include <strings.h>

#include "base/code.h"
#include "data/event.h"

static const char *const op_names[PD_OP_MAX] = {
    "get", "set", "del", "expire", "touch", "update", "other"};

const char *
pd_op_name(unsigned op)
{
	return op < PD_OP_MAX ? op_names[op] : NULL;
}

int
pd_op_parse(const char *name)
{
	int i;

	for (i = 0; i < PD_OP_MAX; i++)
		if (strcasecmp(name, op_names[i]) == 0)
			return i;
	return -1;
}

void
pd_event_init(struct pd_event *e)
{
	memset(e, 0, sizeof(*e));
	memset(e->ctx, PD_CODE_NONE, sizeof(e->ctx));
	e->weight = 1;
}
