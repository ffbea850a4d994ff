/*
 * Files of users from hostile bytes: loaded or refused as a whole. What was
 * loaded and is told again allows the same commands, and the second telling is
 * the last word: rules that say nothing, as one that allows what all may, can
 * stand in the first.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cache/acl.h"
#include "cache/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The users' rules as text, and which commands each may give. */
static void
tell(const struct pd_acl *a, struct pd_buf *rules, struct pd_buf *may)
{
	const struct pd_user *u;
	size_t id;
	uint32_t i;

	for (u = a->users; u != NULL; u = u->next) {
		pd_buf_printf(rules, "user %s ", u->name);
		pd_acl_describe(u, rules);
		pd_buf_addc(rules, '\n');
		for (i = 0; i < u->nsel; i++)
			for (id = 0; pd_commands_id(a->commands, id) != NULL;
			     id++)
				pd_buf_addc(may,
				    u->sel[i].allowed[id / 64] >> id % 64 & 1
					? '1'
					: '0');
	}
}

static void
load(struct pd_acl *a, const struct pd_buf *rules)
{
	if (pd_acl_load_text(a, (const char *)rules->data, rules->len, "file",
		NULL, NULL, NULL))
		abort();
}

static void
same(const struct pd_buf *a, const struct pd_buf *b)
{
	if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct pd_commands *commands;
	struct pd_buf rules[3] = {PD_BUF_INIT, PD_BUF_INIT, PD_BUF_INIT};
	struct pd_buf may[3] = {PD_BUF_INIT, PD_BUF_INIT, PD_BUF_INIT};
	struct pd_acl *a;
	int i;

	if (commands == NULL)
		commands = pd_commands_new();
	if (commands == NULL || (a = pd_acl_new(commands)) == NULL)
		abort();
	if (pd_acl_load_text(a, (const char *)p, n, "file", NULL, NULL, NULL) ==
	    0) {
		tell(a, &rules[0], &may[0]);
		load(a, &rules[0]);
		tell(a, &rules[1], &may[1]);
		load(a, &rules[1]);
		tell(a, &rules[2], &may[2]);
		same(&may[0], &may[1]);
		same(&rules[1], &rules[2]);
	}
	for (i = 0; i < 3; i++) {
		pd_buf_release(&rules[i]);
		pd_buf_release(&may[i]);
	}
	pd_acl_free(a);
	return 0;
}
