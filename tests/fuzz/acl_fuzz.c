/*
 * Files of users from hostile bytes: loaded or refused as a whole, and what
 * was loaded and is told again loads to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cache/acl.h"
#include "cache/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
tell(const struct pd_acl *a, struct pd_buf *out)
{
	const struct pd_user *u;

	for (u = a->users; u != NULL; u = u->next) {
		pd_buf_printf(out, "user %s ", u->name);
		pd_acl_describe(u, out);
		pd_buf_addc(out, '\n');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct pd_commands *commands;
	struct pd_buf one = PD_BUF_INIT, two = PD_BUF_INIT;
	struct pd_acl *a;

	if (commands == NULL)
		commands = pd_commands_new();
	if (commands == NULL || (a = pd_acl_new(commands)) == NULL)
		abort();
	if (pd_acl_load_text(a, (const char *)p, n, "file", NULL, NULL, NULL) ==
	    0) {
		tell(a, &one);
		if (pd_acl_load_text(a, (const char *)one.data, one.len, "file",
			NULL, NULL, NULL))
			abort();
		tell(a, &two);
		if (one.len != two.len ||
		    memcmp(one.data, two.data, one.len) != 0)
			abort();
	}
	pd_buf_release(&one);
	pd_buf_release(&two);
	pd_acl_free(a);
	return 0;
}
