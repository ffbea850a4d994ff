/* What a user, or one more selector of it, may: commands, keys and channels,
 * and the rules that change that. acl_describe.c tells them again. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/acl.h"
#include "cache/command.h"
#include "cache/resp.h"

#define MEM "Out of memory"
#define SYNTAX "Syntax error"
#define UNKNOWN "Unknown command or category name in ACL"

/* Lists of patterns. */

static void
patterns_release(struct pd_acl_patterns *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i].p);
	free(l->v);
	*l = (struct pd_acl_patterns){NULL, 0};
}

static struct pd_acl_pattern *
patterns_find(const struct pd_acl_patterns *l, const char *p, size_t n)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		if (l->v[i].n == n && memcmp(l->v[i].p, p, n) == 0)
			return &l->v[i];
	return NULL;
}

static int
patterns_add(struct pd_acl_patterns *l, const char *p, size_t n, unsigned flags)
{
	struct pd_acl_pattern *v;
	char *copy = malloc(n + 1);

	if (copy == NULL)
		return -1;
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (v == NULL) {
		free(copy);
		return -1;
	}
	memcpy(copy, p, n);
	copy[n] = '\0';
	l->v = v;
	l->v[l->n++] = (struct pd_acl_pattern){copy, (uint32_t)n, flags};
	return 0;
}

static void
patterns_del(struct pd_acl_patterns *l, uint32_t i)
{
	free(l->v[i].p);
	l->n--;
	memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(l->v[0]));
}

static int
patterns_copy(struct pd_acl_patterns *to, const struct pd_acl_patterns *from)
{
	uint32_t i;

	for (i = 0; i < from->n; i++)
		if (patterns_add(
			to, from->v[i].p, from->v[i].n, from->v[i].flags))
			return -1;
	return 0;
}

/* Selectors. */

static size_t
words(const struct pd_acl *a)
{
	return pd_commands_total(a->commands) / 64 + 1;
}

int
acl_selector_init(const struct pd_acl *a, struct pd_selector *s)
{
	memset(s, 0, sizeof(*s));
	s->all_channels = a->channels_by_default;
	s->allowed = calloc(words(a), sizeof(uint64_t));
	return s->allowed == NULL ? -1 : 0;
}

static void
first_release(struct pd_selector *s)
{
	uint32_t i;

	for (i = 0; i < s->nfirst; i++)
		free(s->first[i].word);
	free(s->first);
	s->first = NULL;
	s->nfirst = 0;
}

void
acl_selector_release(struct pd_selector *s)
{
	free(s->allowed);
	patterns_release(&s->keys);
	patterns_release(&s->channels);
	patterns_release(&s->rules);
	first_release(s);
}

static size_t
patterns_bytes(const struct pd_acl_patterns *l)
{
	size_t n = l->n * sizeof(*l->v);
	uint32_t i;

	for (i = 0; i < l->n; i++)
		n += l->v[i].n + 1;
	return n;
}

size_t
acl_selector_bytes(const struct pd_acl *a, const struct pd_selector *s)
{
	size_t n = sizeof(*s) + words(a) * sizeof(uint64_t) +
		   patterns_bytes(&s->keys) + patterns_bytes(&s->channels) +
		   patterns_bytes(&s->rules) + s->nfirst * sizeof(*s->first);
	uint32_t i;

	for (i = 0; i < s->nfirst; i++)
		n += strlen(s->first[i].word) + 1;
	return n;
}

static int
first_add(struct pd_selector *s, uint32_t id, const char *p, size_t n)
{
	struct pd_acl_first *v =
	    realloc(s->first, (s->nfirst + 1) * sizeof(*v));

	if (v == NULL)
		return -1;
	s->first = v;
	if ((v[s->nfirst].word = malloc(n + 1)) == NULL)
		return -1;
	memcpy(v[s->nfirst].word, p, n);
	v[s->nfirst].word[n] = '\0';
	v[s->nfirst++].id = id;
	return 0;
}

int
acl_selector_copy(const struct pd_acl *a, struct pd_selector *to,
    const struct pd_selector *from)
{
	uint32_t i;

	if (acl_selector_init(a, to))
		return -1;
	to->all_commands = from->all_commands;
	to->all_keys = from->all_keys;
	to->all_channels = from->all_channels;
	to->from_all = from->from_all;
	memcpy(to->allowed, from->allowed, words(a) * sizeof(uint64_t));
	if (patterns_copy(&to->keys, &from->keys) ||
	    patterns_copy(&to->channels, &from->channels) ||
	    patterns_copy(&to->rules, &from->rules))
		return -1;
	for (i = 0; i < from->nfirst; i++)
		if (first_add(to, from->first[i].id, from->first[i].word,
			strlen(from->first[i].word)))
			return -1;
	return 0;
}

/* Rules on commands. */

static void
first_forget(struct pd_selector *s, uint32_t id)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->nfirst; i++)
		if (s->first[i].id == id)
			free(s->first[i].word);
		else
			s->first[n++] = s->first[i];
	s->nfirst = n;
}

static void
allow_one(struct pd_selector *s, const struct pd_cmd *cmd, bool yes)
{
	const uint64_t bit = UINT64_C(1) << cmd->id % 64;

	if (yes) {
		s->allowed[cmd->id / 64] |= bit;
	} else {
		s->allowed[cmd->id / 64] &= ~bit;
		s->all_commands = false;
	}
	first_forget(s, cmd->id);
}

/* A command with its subcommands. */
static void
allow(struct pd_selector *s, const struct pd_cmd *cmd, bool yes)
{
	uint32_t i;

	allow_one(s, cmd, yes);
	for (i = 0; i < cmd->nsubs; i++)
		allow_one(s, &cmd->subs[i], yes);
}

static void
allow_all(const struct pd_acl *a, struct pd_selector *s, bool yes)
{
	memset(s->allowed, yes ? 0xff : 0, words(a) * sizeof(uint64_t));
	s->all_commands = s->from_all = yes;
	first_release(s);
	patterns_release(&s->rules);
}

/* Does the rule ${old} say nothing more once the rule on ${n} bytes at ${p}
 * follows? It is the same, or on a subcommand or first word of it. */
static bool
superseded(const struct pd_acl_pattern *old, const char *p, size_t n)
{
	return old->n - 1 >= n && strncasecmp(old->p + 1, p, n) == 0 &&
	       (old->n - 1 == n || (p[0] != '@' && old->p[1 + n] == '|'));
}

/* Remember a rule, without those that it makes void. */
static int
note(struct pd_selector *s, const char *p, size_t n, bool keep_same_name)
{
	char lower[128];
	uint32_t i = 0;

	if (s->all_commands && p[0] == '+')
		return 0; /* it says nothing */
	while (i < s->rules.n)
		if (!keep_same_name && superseded(&s->rules.v[i], p + 1, n - 1))
			patterns_del(&s->rules, i);
		else
			i++;
	for (i = 0; i < n && i < sizeof(lower); i++)
		lower[i] =
		    p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
	if (keep_same_name && patterns_find(&s->rules, lower, i) != NULL)
		return 0;
	return patterns_add(&s->rules, lower, i, 0);
}

static const char *
category_rule(
    const struct pd_acl *a, struct pd_selector *s, const char *p, size_t n)
{
	const struct pd_bitname *c;
	struct pd_cmd *cmd;
	size_t i;

	for (c = pd_category_names; c->name != NULL; c++)
		if (strlen(c->name) == n - 2 &&
		    strncasecmp(c->name, p + 2, n - 2) == 0)
			break;
	if (c->name == NULL)
		return UNKNOWN;
	for (i = 0; (cmd = pd_commands_id(a->commands, i)) != NULL; i++)
		if (cmd->cats & c->bit)
			allow_one(s, cmd, p[0] == '+');
	return note(s, p, n, false) ? MEM : NULL;
}

/* "+command|word" where the command has no such subcommand. */
static const char *
first_rule(
    const struct pd_acl *a, struct pd_selector *s, const char *p, size_t n)
{
	const char *bar = memchr(p, '|', n), *last = p + n;
	struct pd_cmd *cmd;

	if (p[0] == '-' || bar == NULL)
		return UNKNOWN;
	while (*--last != '|')
		;
	if (bar != last)
		return pd_commands_full(
			   a->commands, p + 1, (size_t)(last - p) - 1) == NULL
			   ? UNKNOWN
			   : "Allowing first-arg of a subcommand is not "
			     "supported";
	cmd = pd_commands_find(a->commands, p + 1, (size_t)(bar - p) - 1);
	if (cmd == NULL)
		return UNKNOWN;
	if (last + 1 == p + n)
		return SYNTAX;
	if (cmd->nsubs > 0 || n > 100)
		return UNKNOWN;
	if (first_add(s, cmd->id, bar + 1, (size_t)(p + n - bar) - 1) ||
	    note(s, p, n, true))
		return MEM;
	return NULL;
}

static const char *
command_rule(
    const struct pd_acl *a, struct pd_selector *s, const char *p, size_t n)
{
	struct pd_cmd *cmd;

	if (n > 1 && p[1] == '@')
		return category_rule(a, s, p, n);
	cmd = pd_commands_full(a->commands, p + 1, n - 1);
	if (cmd == NULL)
		return first_rule(a, s, p, n);
	allow(s, cmd, p[0] == '+');
	return note(s, p, n, false) ? MEM : NULL;
}

/* Rules on keys and channels. */

static bool
has_spaces(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == '\0' || p[i] == ' ' ||
		    (p[i] >= '\t' && p[i] <= '\r'))
			return true;
	return false;
}

/* "%RW~": the flags, and in *at where the pattern begins; 0 when it is none. */
static unsigned
key_rule_flags(const char *p, size_t n, size_t *at)
{
	unsigned flags = 0;
	size_t i;

	*at = 1;
	if (p[0] == '~')
		return PD_ACL_READ | PD_ACL_WRITE;
	for (i = 1; i < n; i++) {
		if ((p[i] | 32) == 'r' && !(flags & PD_ACL_READ))
			flags |= PD_ACL_READ;
		else if ((p[i] | 32) == 'w' && !(flags & PD_ACL_WRITE))
			flags |= PD_ACL_WRITE;
		else if (p[i] == '~')
			break;
		else
			return 0;
	}
	*at = i + 1;
	return i == n ? 0 : flags;
}

static void
keys_all(struct pd_selector *s)
{
	s->all_keys = true;
	patterns_release(&s->keys);
}

static const char *
key_rule(struct pd_selector *s, const char *p, size_t n)
{
	struct pd_acl_pattern *old;
	unsigned flags;
	size_t at;

	if (s->all_keys)
		return "Adding a pattern after the * pattern (or the 'allkeys' "
		       "flag) is not valid and does not have any effect. Try "
		       "'resetkeys' to start with an empty list of patterns";
	if ((flags = key_rule_flags(p, n, &at)) == 0 ||
	    has_spaces(p + at, n - at))
		return SYNTAX;
	if ((old = patterns_find(&s->keys, p + at, n - at)) != NULL)
		flags = old->flags |= flags;
	else if (patterns_add(&s->keys, p + at, n - at, flags))
		return MEM;
	/* It is told as "~*", after which nothing may follow. */
	if (n - at == 1 && p[at] == '*' &&
	    flags == (PD_ACL_READ | PD_ACL_WRITE))
		keys_all(s);
	return NULL;
}

static const char *
channel_rule(struct pd_selector *s, const char *p, size_t n)
{
	if (s->all_channels)
		return "Adding a pattern after the * pattern (or the "
		       "'allchannels' flag) is not valid and does not have any "
		       "effect. Try 'resetchannels' to start with an empty "
		       "list of channels";
	if (has_spaces(p + 1, n - 1))
		return SYNTAX;
	if (patterns_find(&s->channels, p + 1, n - 1) == NULL &&
	    patterns_add(&s->channels, p + 1, n - 1, 0))
		return MEM;
	return NULL;
}

bool
acl_is(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

const char *
acl_selector_rule(
    const struct pd_acl *a, struct pd_selector *s, const char *p, size_t n)
{
	if (acl_is(p, n, "allkeys") || acl_is(p, n, "~*")) {
		keys_all(s);
	} else if (acl_is(p, n, "resetkeys")) {
		s->all_keys = false;
		patterns_release(&s->keys);
	} else if (acl_is(p, n, "allchannels") || acl_is(p, n, "&*")) {
		s->all_channels = true;
		patterns_release(&s->channels);
	} else if (acl_is(p, n, "resetchannels")) {
		s->all_channels = false;
		patterns_release(&s->channels);
	} else if (acl_is(p, n, "allcommands") || acl_is(p, n, "+@all")) {
		allow_all(a, s, true);
	} else if (acl_is(p, n, "nocommands") || acl_is(p, n, "-@all")) {
		allow_all(a, s, false);
	} else if (p[0] == '~' || p[0] == '%') {
		return key_rule(s, p, n);
	} else if (p[0] == '&') {
		return channel_rule(s, p, n);
	} else if (p[0] == '+' || p[0] == '-') {
		return command_rule(a, s, p, n);
	} else {
		return SYNTAX;
	}
	return NULL;
}
