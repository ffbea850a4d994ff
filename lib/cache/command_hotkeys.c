/* PREDIS.STATS HOTKEYS: the keys that are asked for most (data/hotkeys.h). */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "cache/acl.h"
#include "cache/command_hotkeys.h"
#include "cache/command_util.h"
#include "cache/turn.h"
#include "data/hotkeys.h"

#define SHOWN 10 /* where no number is given */

/* What all loops know, into ${h}. */
static void
gather(struct pd_server *s, struct pd_hotkeys *h, uint64_t now_us)
{
	unsigned i;

	pd_hotkeys_init(h, NULL, 0);
	for (i = 0; i < s->nworkers; i++)
		pd_hotkeys_merge(
		    h, pd_turn_hotkeys(s->workers[i].turn), now_us);
}

static void
reply_key(struct pd_client *c, const struct pd_hotkey_rate *r)
{
	const struct pd_hotkey *k = &r->key;
	const uint32_t shown =
	    k->len < PD_HOTKEYS_KEY ? k->len : PD_HOTKEYS_KEY;
	struct pd_reply *out = &c->reply;
	char hash[20];

	snprintf(hash, sizeof(hash), "%016" PRIx64, k->identity);
	pd_reply_map(out, 7);
	pd_reply_str(out, "key");
	if (k->len > 0 && pd_acl_shows_key(c->user, c->server->commands,
			      PD_CAT_PREDIS, k->key, shown, k->len > shown))
		pd_reply_bulk(out, k->key, shown);
	else
		pd_reply_null(out);
	pd_reply_pair_int(out, "key_bytes", k->len);
	pd_reply_pair_str(out, "key_hash", hash);
	pd_reply_pair_int(out, "db", k->db);
	pd_reply_pair_real(out, "accesses_per_second", r->per_second);
	pd_reply_pair_real(out, "error_per_second", r->error);
	pd_reply_pair_real(out, "share", r->share);
}

void
pd_reply_hotkeys(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_hotkey_rate *top;
	struct pd_hotkeys *h;
	int64_t most = SHOWN;
	size_t found, i;

	if (n > 1) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (n == 1 && !pd_arg_int(c, a, &most))
		return;
	if (most < 1 || most > PD_HOTKEYS) {
		pd_reply_errorf(
		    &c->reply, "ERR the number of keys is 1 to %d", PD_HOTKEYS);
		return;
	}
	h = malloc(sizeof(*h));
	top = malloc((size_t)most * sizeof(*top));
	if (h == NULL || top == NULL) {
		pd_reply_error(&c->reply, "OOM out of memory");
	} else {
		gather(c->server, h, c->worker->mono_us);
		found =
		    pd_hotkeys_top(h, c->worker->mono_us, top, (size_t)most);
		pd_reply_array(&c->reply, found);
		for (i = 0; i < found; i++)
			reply_key(c, &top[i]);
	}
	free(h);
	free(top);
}
