#ifndef PD_CACHE_ACL_H
#define PD_CACHE_ACL_H

/*
 * Users and what they may do, with the rules of Redis 7 (its documentation of
 * ACL SETUSER): commands and categories, keys to read and to write, channels,
 * selectors. Passwords are kept as SHA-256. A change of a user is made to a
 * copy, which takes its place when all rules were good. There is always the
 * user "default", whom connections are without AUTH.
 *
 * It knows no sockets: who changes users tells the clients (command_acl.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct pd_arg;
struct pd_client;
struct pd_cmd;
struct pd_commands;
struct pd_err;

#define PD_ACL_HASH 32	     /* bytes of SHA-256 */
#define PD_ACL_NAME_MAX 1024 /* bytes of a user's name */

enum pd_acl_key_flag {
	PD_ACL_READ = 1,
	PD_ACL_WRITE = 2,
};

struct pd_acl_pattern {
	char *p;
	uint32_t n;
	unsigned flags; /* of keys: enum pd_acl_key_flag */
};

struct pd_acl_patterns {
	struct pd_acl_pattern *v;
	uint32_t n;
};

/* A command of which only calls with one first word are allowed. */
struct pd_acl_first {
	uint32_t id;
	char *word;
};

struct pd_selector {
	bool all_commands;
	bool all_keys;
	bool all_channels;
	bool from_all;	   /* the rules start from +@all, not from -@all */
	uint64_t *allowed; /* a bit a command */
	struct pd_acl_patterns keys;
	struct pd_acl_patterns channels;
	struct pd_acl_patterns rules; /* on commands, in order */
	struct pd_acl_first *first;
	uint32_t nfirst;
};

enum pd_user_flag {
	PD_USER_ON = 1,
	PD_USER_NOPASS = 2,
	PD_USER_SKIP_SANITIZE = 4, /* kept for files, without meaning */
	PD_USER_SANITIZE = 8,
};

struct pd_user {
	struct pd_user *next; /* in the order of names */
	char *name;
	uint32_t name_len;
	unsigned flags; /* enum pd_user_flag */
	uint8_t (*pass)[PD_ACL_HASH];
	uint32_t npass;
	struct pd_selector *sel; /* [0] is the user's own */
	uint32_t nsel;
	bool mighty; /* may do everything: nothing needs to be checked */
};

enum pd_acl_result {
	PD_ACL_OK,
	PD_ACL_COMMAND,
	PD_ACL_KEY,
	PD_ACL_CHANNEL,
	PD_ACL_AUTH,
};

/* Something that was refused. */
struct pd_acl_entry {
	uint64_t id;
	uint64_t count;
	enum pd_acl_result why;
	const char *context; /* "toplevel" or "multi" */
	char *object;
	uint32_t object_len;
	char *user;
	char *info; /* the client, as CLIENT LIST tells it */
	int64_t created_ms;
	int64_t updated_ms;
};

struct pd_acl {
	const struct pd_commands *commands; /* borrowed */
	struct pd_user *users;
	struct pd_user *standard; /* "default" */
	bool channels_by_default; /* new users get all channels */
	struct pd_acl_entry *log; /* newest first */
	uint32_t nlog;
	uint32_t log_max;
	uint64_t log_id;
	size_t bytes; /* of users and entries */
};

/* With the user "default", who may do everything. NULL out of memory. */
struct pd_acl *pd_acl_new(const struct pd_commands *commands);
void pd_acl_free(struct pd_acl *a);
/* Bytes allocated. */
size_t pd_acl_memory(const struct pd_acl *a);

struct pd_user *pd_acl_find(const struct pd_acl *a, const char *p, size_t n);

/*
 * pd_acl_set_user(a, name, n, rules, nrules, err):
 * Change a user, or make one, by rules; all of them or none. A selector may
 * be spread over several words. The user, who may be another object than
 * before (see pd_acl_find()), or NULL with a message.
 */
struct pd_user *pd_acl_set_user(struct pd_acl *a, const char *name, size_t n,
    const struct pd_arg *rules, uint32_t nrules, struct pd_err *err);
/* Remove a user; false when there is none. Not "default". */
bool pd_acl_del_user(struct pd_acl *a, const char *p, size_t n);
/* The password of "default", NULL: none is needed. 0, or -1. */
int pd_acl_set_password(struct pd_acl *a, const char *p, size_t n);

/* Is it the password of a user who is on? */
bool pd_acl_password_ok(
    const struct pd_user *u, const char *password, size_t n);

/* May a user run a whole command? *at is the word that is refused. */
enum pd_acl_result pd_acl_check(const struct pd_user *u,
    const struct pd_cmd *cmd, const struct pd_arg *argv, uint32_t argc,
    uint32_t *at);
/* May a user subscribe to a channel, or with ${pattern} to a pattern? */
bool pd_acl_channel_ok(
    const struct pd_user *u, const char *p, size_t n, bool pattern);

/*
 * pd_acl_shows_key(u, commands, category, key, n, more):
 * May a user see the bytes of a key that it did not name? Who may use every
 * command of a category and read the key. ${more}: these are the first bytes
 * of a longer one.
 */
bool pd_acl_shows_key(const struct pd_user *u,
    const struct pd_commands *commands, unsigned category, const void *key,
    size_t n, bool more);

/* Append the rules that make a user, and a selector, as files have them. */
void pd_acl_describe(const struct pd_user *u, struct pd_buf *out);
void pd_acl_describe_commands(const struct pd_selector *s, struct pd_buf *out);
void pd_acl_describe_keys(const struct pd_selector *s, struct pd_buf *out);
void pd_acl_describe_channels(const struct pd_selector *s, struct pd_buf *out);

/*
 * pd_acl_load_text(a, text, n, file, moved, cookie, err):
 * Replace all users by those of a file's text; ${file} is for messages. For
 * each old user ${moved} (or NULL) is told who has the name now, or NULL. A
 * mistake in a line leaves everything as it was. 0, or -1 with a message.
 */
typedef void pd_acl_moved_fn(
    void *cookie, const struct pd_user *old, struct pd_user *now);
int pd_acl_load_text(struct pd_acl *a, const char *text, size_t n,
    const char *file, pd_acl_moved_fn *moved, void *cookie, struct pd_err *err);
int pd_acl_load(struct pd_acl *a, const char *path, pd_acl_moved_fn *moved,
    void *cookie, struct pd_err *err);
/* Write all users to a file, by rename, mode 0600. */
int pd_acl_save(const struct pd_acl *a, const char *path, struct pd_err *err);

#define PD_ACL_LOG_OBJECT 1024 /* bytes that an entry keeps of its object */

/* Log what was refused; the same within a minute is counted. */
void pd_acl_log(struct pd_acl *a, const struct pd_client *c,
    enum pd_acl_result why, const char *object, size_t n, const char *user,
    size_t user_len);
void pd_acl_log_set_max(struct pd_acl *a, uint32_t max);

/*
 * pd_gate(c, cmd, argv, argc, text, size):
 * Whether a client that has not every right may run a command now. NULL, or
 * the error to reply with, maybe written to ${text}.
 */
const char *pd_gate(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc, char *text, size_t size);

/* acl_selector.c, for acl_rule.c and acl.c. */
bool acl_is(const char *p, size_t n, const char *word);
/* Apply one rule; NULL, or what is wrong with it. */
const char *acl_selector_rule(
    const struct pd_acl *a, struct pd_selector *s, const char *p, size_t n);
/* Bytes allocated for one. */
size_t acl_selector_bytes(const struct pd_acl *a, const struct pd_selector *s);
void acl_selector_release(struct pd_selector *s);
int acl_selector_copy(const struct pd_acl *a, struct pd_selector *to,
    const struct pd_selector *from);
int acl_selector_init(const struct pd_acl *a, struct pd_selector *s);
/* acl_rule.c, for acl.c. */
/* Apply one rule; NULL, or what is wrong with it. */
const char *acl_apply(
    const struct pd_acl *a, struct pd_user *u, const char *p, size_t n);
void acl_user_free(struct pd_user *u);
/* Bytes allocated for a user. */
size_t acl_user_bytes(const struct pd_acl *a, const struct pd_user *u);
struct pd_user *acl_user_new(
    const struct pd_acl *a, const char *name, size_t n);
void acl_user_settle(struct pd_user *u);
/* Apply rules of which a selector may be spread over words. 0, or -1. */
int acl_apply_all(const struct pd_acl *a, struct pd_user *u,
    const struct pd_arg *rules, uint32_t n, struct pd_err *err);

#endif /* PD_CACHE_ACL_H */
