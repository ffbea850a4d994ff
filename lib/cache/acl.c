#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "cache/acl.h"
#include "cache/command.h"
#include "cache/resp.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#define FILE_MAX 16777216 /* bytes of a file of users */

void
acl_user_free(struct pd_user *u)
{
	if (u == NULL)
		return;
	while (u->nsel > 0)
		acl_selector_release(&u->sel[--u->nsel]);
	free(u->sel);
	free(u->pass);
	free(u->name);
	free(u);
}

struct pd_user *
acl_user_new(const struct pd_acl *a, const char *name, size_t n)
{
	struct pd_user *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->name = malloc(n + 1);
	u->sel = malloc(sizeof(*u->sel));
	if (u->name == NULL || u->sel == NULL ||
	    acl_selector_init(a, &u->sel[0])) {
		acl_user_free(u);
		return NULL;
	}
	u->nsel = 1;
	memcpy(u->name, name, n);
	u->name[n] = '\0';
	u->name_len = (uint32_t)n;
	return u;
}

/* After a change: what need not be asked again. */
void
acl_user_settle(struct pd_user *u)
{
	const struct pd_selector *s = &u->sel[0];

	u->mighty = s->all_commands && s->all_keys && s->all_channels;
}

static struct pd_user *
copy_user(const struct pd_acl *a, const struct pd_user *from)
{
	struct pd_user *u = acl_user_new(a, from->name, from->name_len);
	struct pd_selector *sel;

	if (u == NULL)
		return NULL;
	acl_selector_release(&u->sel[0]);
	u->nsel = 0;
	u->flags = from->flags;
	if ((sel = realloc(u->sel, from->nsel * sizeof(*sel))) == NULL)
		goto err0;
	u->sel = sel;
	for (; u->nsel < from->nsel; u->nsel++)
		if (acl_selector_copy(a, &sel[u->nsel], &from->sel[u->nsel])) {
			acl_selector_release(&sel[u->nsel]);
			goto err0;
		}
	if (from->npass > 0) {
		u->pass = malloc(from->npass * sizeof(*u->pass));
		if (u->pass == NULL)
			goto err0;
		memcpy(u->pass, from->pass, from->npass * sizeof(*u->pass));
		u->npass = from->npass;
	}
	return u;
err0:
	acl_user_free(u);
	return NULL;
}

static int
compare(const struct pd_user *u, const char *p, size_t n)
{
	const size_t less = u->name_len < n ? u->name_len : n;
	const int r = memcmp(u->name, p, less);

	return r != 0 ? r : u->name_len < n ? -1 : u->name_len > n;
}

/* Where in the list a user is, or belongs. */
static struct pd_user **
place(struct pd_user **list, const char *p, size_t n)
{
	while (*list != NULL && compare(*list, p, n) < 0)
		list = &(*list)->next;
	return list;
}

static void
free_list(struct pd_user *u)
{
	struct pd_user *next;

	for (; u != NULL; u = next) {
		next = u->next;
		acl_user_free(u);
	}
}

/* A user who may do everything, without a password. */
static struct pd_user *
new_standard(const struct pd_acl *a)
{
	static const char *const rules[] = {
	    "on", "nopass", "allkeys", "allchannels", "+@all"};
	struct pd_user *u = acl_user_new(a, "default", 7);
	size_t i;

	for (i = 0; u != NULL && i < sizeof(rules) / sizeof(rules[0]); i++)
		acl_apply(a, u, rules[i], strlen(rules[i]));
	if (u != NULL)
		acl_user_settle(u);
	return u;
}

struct pd_acl *
pd_acl_new(const struct pd_commands *commands)
{
	struct pd_acl *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->commands = commands;
	a->log_max = 128;
	if ((a->users = a->standard = new_standard(a)) == NULL) {
		free(a);
		return NULL;
	}
	a->bytes = acl_user_bytes(a, a->standard);
	return a;
}

size_t
pd_acl_memory(const struct pd_acl *a)
{
	return sizeof(*a) + a->bytes;
}

void
pd_acl_free(struct pd_acl *a)
{
	if (a == NULL)
		return;
	free_list(a->users);
	pd_acl_log_set_max(a, 0);
	free(a->log);
	free(a);
}

struct pd_user *
pd_acl_find(const struct pd_acl *a, const char *p, size_t n)
{
	struct pd_user *u = a->users;

	while (u != NULL && compare(u, p, n) < 0)
		u = u->next;
	return u != NULL && compare(u, p, n) == 0 ? u : NULL;
}

struct pd_user *
pd_acl_set_user(struct pd_acl *a, const char *name, size_t n,
    const struct pd_arg *rules, uint32_t nrules, struct pd_err *err)
{
	struct pd_user **at = place(&a->users, name, n), *old = *at, *u, was;

	if (old != NULL && compare(old, name, n) != 0)
		old = NULL;
	u = old != NULL ? copy_user(a, old) : acl_user_new(a, name, n);
	if (u == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (acl_apply_all(a, u, rules, nrules, err)) {
		acl_user_free(u);
		return NULL;
	}
	acl_user_settle(u);
	a->bytes += acl_user_bytes(a, u);
	if (old == NULL) {
		u->next = *at;
		*at = u;
		return u;
	}
	/* The object stays, for clients know it: the new inside moves in. */
	a->bytes -= acl_user_bytes(a, old);
	was = *old;
	*old = *u;
	old->next = was.next;
	*u = was;
	acl_user_free(u);
	return old;
}

bool
pd_acl_del_user(struct pd_acl *a, const char *p, size_t n)
{
	struct pd_user **at = place(&a->users, p, n), *u = *at;

	if (u == NULL || compare(u, p, n) != 0)
		return false;
	assert(u != a->standard);
	*at = u->next;
	a->bytes -= acl_user_bytes(a, u);
	acl_user_free(u);
	return true;
}

int
pd_acl_set_password(struct pd_acl *a, const char *p, size_t n)
{
	struct pd_user *u = a->standard;
	char *rule;
	int r = 0;

	if ((rule = malloc(n + 1)) == NULL)
		return -1;
	a->bytes -= acl_user_bytes(a, u);
	acl_apply(a, u, "resetpass", 9);
	if (p == NULL) {
		acl_apply(a, u, "nopass", 6);
	} else {
		rule[0] = '>';
		memcpy(rule + 1, p, n);
		r = acl_apply(a, u, rule, n + 1) == NULL ? 0 : -1;
		sodium_memzero(rule, n + 1);
	}
	a->bytes += acl_user_bytes(a, u);
	free(rule);
	return r;
}

bool
pd_acl_password_ok(const struct pd_user *u, const char *password, size_t n)
{
	uint8_t hash[PD_ACL_HASH];
	bool ok = false;
	uint32_t i;

	if (u == NULL || !(u->flags & PD_USER_ON))
		return false;
	if (u->flags & PD_USER_NOPASS)
		return true;
	crypto_hash_sha256(hash, (const uint8_t *)password, n);
	for (i = 0; i < u->npass; i++)
		ok |= sodium_memcmp(hash, u->pass[i], PD_ACL_HASH) == 0;
	return ok;
}

/* Files. */

#define WORDS_MAX 4096 /* of one line */

/* The words of a line, which are not changed; how many, WORDS_MAX for too
 * many. */
static uint32_t
split(const char *p, size_t n, struct pd_arg *out)
{
	uint32_t words = 0;
	size_t i = 0, from;

	while (words < WORDS_MAX) {
		while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r'))
			i++;
		if (i == n)
			break;
		for (from = i;
		     i < n && p[i] != ' ' && p[i] != '\t' && p[i] != '\r';)
			i++;
		out[words++] =
		    (struct pd_arg){.p = p + from, .n = (uint32_t)(i - from)};
	}
	return words;
}

/* One line: "user NAME rule ...". */
static int
load_line(struct pd_acl *a, const char *p, size_t n, struct pd_arg *word,
    struct pd_err *err)
{
	const uint32_t words = split(p, n, word);
	struct pd_user **at, *u;

	if (words == 0)
		return 0;
	if (words == WORDS_MAX)
		return pd_err_set(err, "too many words");
	if (word[0].n != 4 || memcmp(word[0].p, "user", 4) != 0 || words < 2)
		return pd_err_set(
		    err, "a line is 'user', a name and the user's rules");
	if (word[1].n > PD_ACL_NAME_MAX || memchr(word[1].p, '\0', word[1].n))
		return pd_err_set(err, "invalid user name");
	at = place(&a->users, word[1].p, word[1].n);
	if (*at != NULL && compare(*at, word[1].p, word[1].n) == 0)
		return pd_err_set(err, "Duplicate user '%.*s' found",
		    word[1].n < 128 ? (int)word[1].n : 128, word[1].p);
	if ((u = acl_user_new(a, word[1].p, word[1].n)) == NULL)
		return pd_err_nomem(err);
	if (acl_apply_all(a, u, word + 2, words - 2, err)) {
		acl_user_free(u);
		return -1;
	}
	acl_user_settle(u);
	u->next = *at;
	*at = u;
	return 0;
}

static int
load_lines(struct pd_acl *a, const char *text, size_t n, const char *file,
    struct pd_err *err)
{
	struct pd_arg *word = malloc(WORDS_MAX * sizeof(*word));
	unsigned line = 1;
	size_t i, len;
	int r = 0;

	if (word == NULL)
		return pd_err_nomem(err);
	for (i = 0; r == 0 && i < n; i += len + 1, line++) {
		const char *nl = memchr(text + i, '\n', n - i);

		len = nl == NULL ? n - i : (size_t)(nl - text) - i;
		if (load_line(a, text + i, len, word, err))
			r = pd_err_prefix(err, "%s:%u", file, line);
	}
	free(word);
	return r;
}

/* Every list has the user "default". */
static struct pd_user *
have_standard(struct pd_acl *a)
{
	struct pd_user *u = pd_acl_find(a, "default", 7), **at;

	if (u != NULL || (u = new_standard(a)) == NULL)
		return u;
	at = place(&a->users, "default", 7);
	u->next = *at;
	*at = u;
	return u;
}

int
pd_acl_load_text(struct pd_acl *a, const char *text, size_t n, const char *file,
    pd_acl_moved_fn *moved, void *cookie, struct pd_err *err)
{
	struct pd_user *old = a->users, *standard, *u;

	a->users = NULL;
	if (load_lines(a, text, n, file, err))
		goto err0;
	if ((standard = have_standard(a)) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	a->standard = standard;
	for (u = old; u != NULL; u = u->next) {
		a->bytes -= acl_user_bytes(a, u);
		if (moved != NULL)
			moved(cookie, u, pd_acl_find(a, u->name, u->name_len));
	}
	for (u = a->users; u != NULL; u = u->next)
		a->bytes += acl_user_bytes(a, u);
	free_list(old);
	return 0;
err0:
	free_list(a->users);
	a->users = old;
	return -1;
}

int
pd_acl_load(struct pd_acl *a, const char *path, pd_acl_moved_fn *moved,
    void *cookie, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	int r = pd_read_file(path, FILE_MAX, &b, err);

	if (r == 0)
		r = pd_acl_load_text(a, b.len > 0 ? (const char *)b.data : "",
		    b.len, path, moved, cookie, err);
	pd_buf_release(&b);
	return r;
}

int
pd_acl_save(const struct pd_acl *a, const char *path, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	const struct pd_user *u;
	int r;

	for (u = a->users; u != NULL; u = u->next) {
		pd_buf_printf(&b, "user %s ", u->name);
		pd_acl_describe(u, &b);
		pd_buf_addc(&b, '\n');
	}
	r = b.failed ? pd_err_nomem(err)
		     : pd_atomicfile_write(path, b.data, b.len, 0600, err);
	pd_buf_release(&b);
	return r;
}
