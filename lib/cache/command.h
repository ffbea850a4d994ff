#ifndef PD_CACHE_COMMAND_H
#define PD_CACHE_COMMAND_H

/*
 * The table of commands. A file command_*.c defines one array of struct
 * pd_command; COMMAND, its documentation, ACL categories, key extraction and
 * dispatch all come from it. To add a type of value: a new file, and its
 * array's name in command_table.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/latency.h"

struct pd_arg;
struct pd_client;
struct pd_reply;
struct pd_server;
struct pd_store;

enum pd_command_flag {
	PD_CMD_WRITE = 1 << 0,
	PD_CMD_READONLY = 1 << 1,
	PD_CMD_DENYOOM = 1 << 2,
	PD_CMD_ADMIN = 1 << 3,
	PD_CMD_NOSCRIPT = 1 << 4,
	PD_CMD_LOADING = 1 << 5,
	PD_CMD_STALE = 1 << 6,
	PD_CMD_FAST = 1 << 7,
	PD_CMD_NO_AUTH = 1 << 8,
	PD_CMD_NO_MULTI = 1 << 9,
	PD_CMD_BUSY = 1 << 10, /* allow_busy */
	PD_CMD_SKIP_SLOWLOG = 1 << 11,
	PD_CMD_NO_ASYNC_LOADING = 1 << 12,
	PD_CMD_MOVABLE_KEYS = 1 << 13,
	PD_CMD_NOT_QUEUED = 1 << 14, /* runs at once within MULTI */
	PD_CMD_PUBSUB = 1 << 15,
	PD_CMD_SKIP_MONITOR = 1 << 16,
	PD_CMD_NO_MANDATORY_KEYS = 1 << 17,
	PD_CMD_SUBSCRIBER = 1 << 18, /* allowed to RESP2 subscribers */
	/* What locks it needs, where the keys that it names do not say it. */
	PD_CMD_OWN = 1 << 19,	/* touches nothing but its own client */
	PD_CMD_ALONE = 1 << 20, /* touches more than the keys that it names */
};

/* ACL categories; those that flags imply are added. */
enum pd_category {
	PD_CAT_KEYSPACE = 1 << 0,
	PD_CAT_READ = 1 << 1,
	PD_CAT_WRITE = 1 << 2,
	PD_CAT_STRING = 1 << 3,
	PD_CAT_FAST = 1 << 4,
	PD_CAT_SLOW = 1 << 5,
	PD_CAT_ADMIN = 1 << 6,
	PD_CAT_DANGEROUS = 1 << 7,
	PD_CAT_CONNECTION = 1 << 8,
	PD_CAT_TRANSACTION = 1 << 9,
	PD_CAT_PREDIS = 1 << 10,
	PD_CAT_PUBSUB = 1 << 11,
	PD_CAT_SCRIPTING = 1 << 12,
	/* Of Redis; no command here has them. */
	PD_CAT_SET = 1 << 13,
	PD_CAT_SORTEDSET = 1 << 14,
	PD_CAT_LIST = 1 << 15,
	PD_CAT_HASH = 1 << 16,
	PD_CAT_BITMAP = 1 << 17,
	PD_CAT_HYPERLOGLOG = 1 << 18,
	PD_CAT_GEO = 1 << 19,
	PD_CAT_STREAM = 1 << 20,
	PD_CAT_BLOCKING = 1 << 21,
};

/* A bit and its name; tables of them end with name NULL. */
struct pd_bitname {
	uint32_t bit;
	const char *name;
};
extern const struct pd_bitname pd_category_names[];

/* What is done to a key (as in COMMAND INFO). */
enum pd_key_flag {
	PD_KEY_RO = 1 << 0,
	PD_KEY_RW = 1 << 1,
	PD_KEY_OW = 1 << 2,
	PD_KEY_RM = 1 << 3,
	PD_KEY_ACCESS = 1 << 4,
	PD_KEY_UPDATE = 1 << 5,
	PD_KEY_INSERT = 1 << 6,
	PD_KEY_DELETE = 1 << 7,
	PD_KEY_VARIABLE = 1 << 8, /* variable_flags */
	PD_KEY_NOT_KEY = 1 << 9,  /* a channel of a shard */
};

#define PD_KEYS_COUNTED (-128)

/* Keys at begin, begin + step ...; last is relative to begin, -1: to the end
 * of the command; PD_KEYS_COUNTED: word begin says how many keys follow it.
 * flags 0: no keys. */
struct pd_keyspec {
	uint8_t begin;
	int8_t last;
	uint8_t step;
	uint16_t flags;
};

typedef void pd_command_fn(
    struct pd_client *c, const struct pd_arg *a, uint32_t n);

struct pd_command {
	const char *name; /* lower case */
	int arity;	  /* words, the name included; -n: at least n */
	uint32_t flags;	  /* enum pd_command_flag */
	uint32_t cats;	  /* enum pd_category */
	struct pd_keyspec key[2];
	pd_command_fn *run;	       /* NULL: only its subcommands run */
	const struct pd_command *subs; /* ended by name NULL */
	/* What its words say is done to the keys, where these have
	 * PD_KEY_VARIABLE: enum pd_key_flag. */
	unsigned (*key_use)(const struct pd_arg *argv, uint32_t argc);
	const char *summary;
	const char *since;
	const char *group;
	const char *complexity;
	const char *tips; /* separated by spaces, or NULL */
	/* What words 1 and on are: for ACL rules on channels. */
	enum pd_channels {
		PD_CHANNELS_NONE,
		PD_CHANNELS_FIRST,    /* word 1 is one */
		PD_CHANNELS_ALL,      /* all are */
		PD_CHANNELS_PATTERNS, /* all are patterns */
	} channels;
};

/* What a command touches besides its own client (lock.h). */
enum pd_command_needs {
	PD_NEEDS_NOTHING,
	PD_NEEDS_KEYS,	 /* those that it names */
	PD_NEEDS_QUEUED, /* EXEC: those of its commands */
	PD_NEEDS_ALL,
};

/* A command of the running server. */
struct pd_cmd {
	const struct pd_command *def;
	struct pd_cmd *parent;
	struct pd_cmd *subs; /* nsubs of them */
	uint32_t nsubs;
	uint32_t flags; /* complete */
	uint32_t cats;
	uint32_t id; /* below pd_commands_total() */
	bool keyed;  /* plain, see pd_commands_keyed() */
	enum pd_command_needs needs;
	char full[40]; /* "client|setname" */
};

/* What a loop counts of a command; at the command's id. */
struct pd_cmd_count {
	uint64_t calls;
	uint64_t ticks; /* that calls took, base/ticks.h */
	uint64_t rejected;
	uint64_t failed;
	uint64_t took[PD_LATENCY_BUCKETS];
};

/* A name of up to 7 bytes and its length as one number, as a client wrote it;
 * of those last seen by a loop. */
#define PD_COMMANDS_RECENT 16
struct pd_cmd_recent {
	uint64_t name;
	struct pd_cmd *cmd;
};

struct pd_commands;

/* Out of memory: NULL. */
struct pd_commands *pd_commands_new(void);
void pd_commands_free(struct pd_commands *t);
/* By name in any case, or NULL. */
struct pd_cmd *pd_commands_find(
    const struct pd_commands *t, const char *name, size_t n);
/* A subcommand by name, or NULL. */
struct pd_cmd *pd_command_sub(
    const struct pd_cmd *cmd, const char *name, size_t n);
/* A command or subcommand by "name" or "name|sub", or NULL. */
struct pd_cmd *pd_commands_full(
    const struct pd_commands *t, const char *name, size_t n);
/* By id, subcommands after all commands; NULL at the end. */
struct pd_cmd *pd_commands_id(const struct pd_commands *t, size_t id);
/* Commands and subcommands. */
size_t pd_commands_total(const struct pd_commands *t);
/* All top-level commands by number; NULL at the end. */
struct pd_cmd *pd_commands_at(const struct pd_commands *t, size_t i);
size_t pd_commands_count(const struct pd_commands *t);
/* What all loops have counted of a command. */
void pd_command_counted(const struct pd_server *s, const struct pd_cmd *cmd,
    struct pd_cmd_count *sum);

/*
 * pd_command_keys(cmd, argv, argc, fn, cookie):
 * Call ${fn} for the place of each key in a whole command. How many there
 * are, -1 when the command takes none, -2 when the words are no such call.
 */
int pd_command_keys(const struct pd_cmd *cmd, const struct pd_arg *argv,
    uint32_t argc, void (*fn)(void *cookie, uint32_t at, unsigned flags),
    void *cookie);

/* May ${argc} words be a call of ${d}? */
bool pd_command_arity_ok(const struct pd_command *d, uint32_t argc);

/* Words from ${from} on of the command that runs are secret: SLOWLOG and
 * MONITOR do not tell them. */
void pd_command_secret(struct pd_client *c, uint32_t from);

/* The command of these words, if it is a plain one on keys: it changes neither
 * the client's state nor that of the server, names its keys by place, and the
 * number of words is right. NULL otherwise. */
struct pd_cmd *pd_commands_keyed(
    struct pd_worker *w, const struct pd_arg *argv, uint32_t argc);

/* Execute a command: look it up (unless ${cmd} is what pd_commands_keyed()
 * found), check it, run or queue it. */
void pd_command_dispatch(struct pd_client *c, struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc);
/* Would the memory limit refuse it now, of a shard that its loop has? */
bool pd_command_no_memory(const struct pd_client *c, const struct pd_cmd *cmd);
/* Run a command that has been checked. */
void pd_command_run(struct pd_client *c, struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc);

#endif /* PD_CACHE_COMMAND_H */
