#ifndef PD_CACHE_COMMAND_UTIL_H
#define PD_CACHE_COMMAND_UTIL_H

/*
 * What the files command_*.c share: words as numbers and keys, the errors
 * that clients look for, writing a value. A function that returns false has
 * replied.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cache/client.h"
#include "cache/command.h"
#include "cache/pubsub.h"
#include "cache/reply.h"
#include "cache/resp.h"
#include "cache/server.h"
#include "cache/store.h"

#define PD_ERR_SYNTAX "ERR syntax error"
#define PD_ERR_INT "ERR value is not an integer or out of range"
#define PD_ERR_OOM "OOM command not allowed when used memory > 'maxmemory'."
#define PD_ERR_SHARE                                                           \
	"OOM value is larger than the share of maxmemory for one key, "        \
	"nothing was evicted for it"
#define PD_ERR_LARGE                                                           \
	"ERR string exceeds maximum allowed size (proto-max-bulk-len)"

/* Is a word this lower-case text, in any case? */
bool pd_arg_is(const struct pd_arg *a, const char *lower);
/* A word as an integer; replies "not an integer" otherwise. */
bool pd_arg_int(struct pd_client *c, const struct pd_arg *a, int64_t *v);
/* A word as a new NUL-terminated string, or NULL out of memory. */
char *pd_arg_dup(const struct pd_arg *a);
/* A word as a key of the client's database; false when it is too long. */
bool pd_arg_key_new(
    struct pd_client *c, const struct pd_arg *a, struct pd_key *k);

static inline bool
pd_arg_key(struct pd_client *c, const struct pd_arg *a, struct pd_key *k)
{
	if (a->hash == 0)
		return pd_arg_key_new(c, a, k);
	*k = (struct pd_key){a->p, a->n, c->db, a->hash};
	return true;
}
/* The same for words 1, 1 + step ...; checks all, keeps none. */
bool pd_args_keys_ok(
    struct pd_client *c, const struct pd_arg *a, uint32_t n, uint32_t step);

/* Reply what keeps a write from being done. */
void pd_reply_store_error(struct pd_client *c, enum pd_store_status s);

/* Write ${n} bytes as the value of a key; replies on failure. */
bool pd_write_value(struct pd_client *c, const struct pd_key *k, const void *p,
    size_t n, int64_t expiry, unsigned op);

/* The same with more to say: put->len bytes, none kept. */
bool pd_write_put(struct pd_client *c, const struct pd_key *k, const void *p,
    const struct pd_put *put);

/* A word as the cost of fetching a key again, in microseconds, from ${least}
 * on; replies unless it is one. ${cmd} is the command, for the reply. */
bool pd_arg_cost(struct pd_client *c, const struct pd_arg *a, int64_t least,
    const char *cmd, uint32_t *us);

/*
 * pd_arg_expiry(c, a, unit_ms, relative, cmd, &ms):
 * A word as a time to expire at, in ms since 1970; it counts units of
 * ${unit_ms} from now or from 1970. Replies unless it is positive and fits.
 */
bool pd_arg_expiry(struct pd_client *c, const struct pd_arg *a, int64_t unit_ms,
    bool relative, const char *cmd, int64_t *ms);

/* The expiry option at word ${a} (EX PX EXAT PXAT): its unit in ms and whether
 * it is relative; false when the word is none of them. */
bool pd_arg_expiry_option(
    const struct pd_arg *a, int64_t *unit_ms, bool *relative);

/* A name and its value, of a map. */
void pd_reply_pair_str(struct pd_reply *r, const char *name, const char *v);
void pd_reply_pair_int(struct pd_reply *r, const char *name, uint64_t v);
/* A number that may be negative, rounded. */
void pd_reply_pair_round(struct pd_reply *r, const char *name, double v);
/* A number as text, NaN as "nan". */
void pd_reply_pair_real(struct pd_reply *r, const char *name, double v);

/* The reply of a HELP subcommand: lines, ended by NULL. */
void pd_reply_help(
    struct pd_client *c, const char *cmd, const char *const *lines);
/* "ERR unknown subcommand or wrong number of arguments ..." */
void pd_reply_subcommand_error(
    struct pd_client *c, const struct pd_arg *sub, const char *cmd);

/* Tell subscribers of an event of a key (enum pd_notify_class). */
static inline void
pd_tell(struct pd_client *c, unsigned class, const char *event,
    const struct pd_key *k)
{
	if (c->server->notify & class)
		pd_notify(c->server, class, event, k);
}

/* Tell them that a key is about to be made, if it is not there. */
void pd_tell_new(struct pd_client *c, const struct pd_key *k);

/* How Redis would store a value that was written whole: "int", "embstr" or
 * "raw" (command_key.c). */
const char *pd_value_encoding(const struct pd_entry *e);

/* A key with a glob-style pattern: * ? [a-z] [^a] \x. */
bool pd_glob_match(const char *pat, size_t np, const char *s, size_t ns);

/* WATCH (command_multi.c). */
struct pd_watchtab *pd_watchtab_new(struct pd_server *s);
void pd_watchtab_free(struct pd_watchtab *t);
void pd_client_unwatch(struct pd_client *c);

/* CLIENT SETNAME and HELLO SETNAME; false having replied (command_conn.c). */
bool pd_client_set_name(struct pd_client *c, const struct pd_arg *a);

/* The version of Redis that clients are told. */
#define PD_COMPAT_VERSION "7.2.4"

/* INFO (info.c): append the text of the sections whose names ${n} words
 * give. */
void pd_info(struct pd_server *s, const struct pd_arg *sections, uint32_t n,
    struct pd_buf *out);

/* What the cache gained over the ghosts (whatif.h), for PREDIS.STATS and INFO
 * (command_stats.c): estimates for all reads since the counters were reset.
 * NaN where there is none. */
struct pd_gain_value {
	const char *name;
	bool whole; /* to be rounded */
	double value;
};
#define PD_GAIN_VALUES 8
void pd_server_gains(const struct pd_server *s, struct pd_gain_value *out);

/* CONFIG's options (settings.c). */
struct pd_setting {
	const char *name;
	void (*get)(const struct pd_server *s, struct pd_buf *out);
	/* NULL: cannot be changed while the server runs. */
	int (*set)(struct pd_server *s, const char *value, struct pd_err *err);
};
extern const struct pd_setting pd_settings[];	      /* ended by name NULL */
extern const struct pd_setting pd_settings_operate[]; /* likewise */
extern const struct pd_setting pd_settings_snapshot[];

/* The option maxmemory-policy, with the name that Redis gives it. */
void pd_maxmemory_policy(const struct pd_server *s, struct pd_buf *b);

/* Options of Redis that are only kept, by number; NULL behind the last. */
const char *pd_setting_kept_name(size_t i);
bool pd_setting_kept_fixed(size_t i);
const char *pd_setting_kept_value(const struct pd_server *s, size_t i);
int pd_setting_keep(
    struct pd_server *s, size_t i, const char *v, struct pd_err *err);

#endif /* PD_CACHE_COMMAND_UTIL_H */
