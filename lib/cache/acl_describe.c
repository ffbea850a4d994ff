/* The rules of a user and of its selectors, as text that makes them again. */

#include <sodium.h>

#include "base/buf.h"
#include "cache/acl.h"

void
pd_acl_describe_commands(const struct pd_selector *s, struct pd_buf *out)
{
	uint32_t i;

	pd_buf_addstr(out, s->from_all ? "+@all" : "-@all");
	for (i = 0; i < s->rules.n; i++) {
		pd_buf_addc(out, ' ');
		pd_buf_add(out, s->rules.v[i].p, s->rules.v[i].n);
	}
}

void
pd_acl_describe_keys(const struct pd_selector *s, struct pd_buf *out)
{
	static const char *const prefix[] = {"", "%R~", "%W~", "~"};
	uint32_t i;

	if (s->all_keys)
		pd_buf_addstr(out, "~*");
	for (i = 0; i < s->keys.n; i++) {
		if (i > 0)
			pd_buf_addc(out, ' ');
		pd_buf_addstr(out, prefix[s->keys.v[i].flags & 3]);
		pd_buf_add(out, s->keys.v[i].p, s->keys.v[i].n);
	}
}

void
pd_acl_describe_channels(const struct pd_selector *s, struct pd_buf *out)
{
	uint32_t i;

	if (s->all_channels)
		pd_buf_addstr(out, "&*");
	for (i = 0; i < s->channels.n; i++) {
		if (i > 0)
			pd_buf_addc(out, ' ');
		pd_buf_addc(out, '&');
		pd_buf_add(out, s->channels.v[i].p, s->channels.v[i].n);
	}
}

static void
describe_selector(const struct pd_selector *s, struct pd_buf *out)
{
	pd_acl_describe_keys(s, out);
	if (s->all_keys || s->keys.n > 0)
		pd_buf_addc(out, ' ');
	if (!s->all_channels)
		pd_buf_addstr(out, "resetchannels ");
	pd_acl_describe_channels(s, out);
	if (s->all_channels || s->channels.n > 0)
		pd_buf_addc(out, ' ');
	pd_acl_describe_commands(s, out);
}

void
pd_acl_describe(const struct pd_user *u, struct pd_buf *out)
{
	char hex[2 * PD_ACL_HASH + 1];
	uint32_t i;

	pd_buf_addstr(out, u->flags & PD_USER_ON ? "on " : "off ");
	if (u->flags & PD_USER_NOPASS)
		pd_buf_addstr(out, "nopass ");
	if (u->flags & PD_USER_SKIP_SANITIZE)
		pd_buf_addstr(out, "skip-sanitize-payload ");
	if (u->flags & PD_USER_SANITIZE)
		pd_buf_addstr(out, "sanitize-payload ");
	for (i = 0; i < u->npass; i++) {
		sodium_bin2hex(hex, sizeof(hex), u->pass[i], PD_ACL_HASH);
		pd_buf_printf(out, "#%s ", hex);
	}
	describe_selector(&u->sel[0], out);
	for (i = 1; i < u->nsel; i++) {
		pd_buf_addstr(out, " (");
		describe_selector(&u->sel[i], out);
		pd_buf_addc(out, ')');
	}
}
