/* The rules of users, applied one by one: passwords, flags and selectors. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "cache/acl.h"
#include "cache/resp.h"

#define MEM "Out of memory"
#define SYNTAX "Syntax error"

size_t
acl_user_bytes(const struct pd_acl *a, const struct pd_user *u)
{
	size_t n = sizeof(*u) + u->name_len + 1 + u->npass * sizeof(*u->pass);
	uint32_t i;

	for (i = 0; i < u->nsel; i++)
		n += acl_selector_bytes(a, &u->sel[i]);
	return n;
}

/* A password to add or remove, as its hash. */
static const char *
password_hash(const char *p, size_t n, uint8_t hash[PD_ACL_HASH])
{
	size_t len, i;

	if (p[0] == '>' || p[0] == '<') {
		crypto_hash_sha256(hash, (const uint8_t *)p + 1, n - 1);
		return NULL;
	}
	for (i = 1; i < n; i++)
		if (p[i] >= 'A' && p[i] <= 'F')
			break;
	if (n != 2 * PD_ACL_HASH + 1 || i != n ||
	    sodium_hex2bin(hash, PD_ACL_HASH, p + 1, n - 1, NULL, &len, NULL) ||
	    len != PD_ACL_HASH)
		return "The password hash must be exactly 64 characters and "
		       "contain only lowercase hexadecimal characters";
	return NULL;
}

static const char *
password_rule(struct pd_user *u, const char *p, size_t n)
{
	uint8_t hash[PD_ACL_HASH], (*more)[PD_ACL_HASH];
	const char *why = password_hash(p, n, hash);
	uint32_t i;

	if (why != NULL)
		return why;
	for (i = 0; i < u->npass; i++)
		if (memcmp(u->pass[i], hash, PD_ACL_HASH) == 0)
			break;
	if (p[0] == '<' || p[0] == '!') {
		if (i == u->npass)
			return "The password you are trying to remove from the "
			       "user does not exist";
		u->npass--;
		memmove(u->pass[i], u->pass[i + 1],
		    (u->npass - i) * sizeof(*u->pass));
		return NULL;
	}
	u->flags &= ~(unsigned)PD_USER_NOPASS;
	if (i < u->npass)
		return NULL;
	more = realloc(u->pass, (u->npass + 1) * sizeof(*more));
	if (more == NULL)
		return MEM;
	u->pass = more;
	memcpy(u->pass[u->npass++], hash, PD_ACL_HASH);
	return NULL;
}

static void
drop_selectors(struct pd_user *u, uint32_t from)
{
	while (u->nsel > from)
		acl_selector_release(&u->sel[--u->nsel]);
}

/* "(rule rule ...)": one more selector. */
static const char *
add_selector(const struct pd_acl *a, struct pd_user *u, const char *p, size_t n)
{
	struct pd_selector *v = realloc(u->sel, (u->nsel + 1) * sizeof(*v));
	const char *why = NULL;
	size_t i = 1, len;

	if (v == NULL)
		return MEM;
	u->sel = v;
	if (acl_selector_init(a, &v[u->nsel]))
		return MEM;
	v[u->nsel].all_channels = false;
	for (; why == NULL && i < n - 1; i += len + 1) {
		for (len = 0; i + len < n - 1 && p[i + len] != ' '; len++)
			;
		/* Where it ends could not be told when it is told again. */
		if (len > 0)
			why =
			    p[i + len - 1] == ')'
				? SYNTAX
				: acl_selector_rule(a, &v[u->nsel], p + i, len);
	}
	if (why != NULL)
		acl_selector_release(&v[u->nsel]);
	else
		u->nsel++;
	return why;
}

static const char *
reset(const struct pd_acl *a, struct pd_user *u)
{
	struct pd_selector s;

	if (acl_selector_init(a, &s))
		return MEM;
	drop_selectors(u, 0);
	u->sel[u->nsel++] = s;
	u->flags = PD_USER_SANITIZE;
	u->npass = 0;
	return NULL;
}

static bool
flag_rule(struct pd_user *u, const char *p, size_t n)
{
	if (acl_is(p, n, "on"))
		u->flags |= PD_USER_ON;
	else if (acl_is(p, n, "off"))
		u->flags &= ~(unsigned)PD_USER_ON;
	else if (acl_is(p, n, "skip-sanitize-payload"))
		u->flags = (u->flags & ~(unsigned)PD_USER_SANITIZE) |
			   PD_USER_SKIP_SANITIZE;
	else if (acl_is(p, n, "sanitize-payload"))
		u->flags = (u->flags & ~(unsigned)PD_USER_SKIP_SANITIZE) |
			   PD_USER_SANITIZE;
	else if (acl_is(p, n, "nopass"))
		u->flags |= PD_USER_NOPASS;
	else if (acl_is(p, n, "resetpass"))
		u->flags &= ~(unsigned)PD_USER_NOPASS;
	else
		return false;
	if (acl_is(p, n, "nopass") || acl_is(p, n, "resetpass"))
		u->npass = 0;
	return true;
}

const char *
acl_apply(const struct pd_acl *a, struct pd_user *u, const char *p, size_t n)
{
	if (n == 0 || flag_rule(u, p, n))
		return NULL;
	if (p[0] == '>' || p[0] == '<' || p[0] == '#' || p[0] == '!')
		return password_rule(u, p, n);
	if (p[0] == '(' && p[n - 1] == ')')
		return add_selector(a, u, p, n);
	if (acl_is(p, n, "clearselectors")) {
		drop_selectors(u, 1);
		return NULL;
	}
	if (acl_is(p, n, "reset"))
		return reset(a, u);
	return acl_selector_rule(a, &u->sel[0], p, n);
}

static int
apply_one(const struct pd_acl *a, struct pd_user *u, const char *p, size_t n,
    struct pd_err *err)
{
	const char *why = acl_apply(a, u, p, n);

	if (why == NULL)
		return 0;
	return pd_err_set(err, "Error in ACL SETUSER modifier '%.*s': %s",
	    n < 128 ? (int)n : 128, p, why);
}

/* Does a word begin a selector that goes on in the next? */
static bool
opens(const struct pd_arg *r)
{
	return r->n > 0 && r->p[0] == '(' && r->p[r->n - 1] != ')';
}

static bool
closes(const struct pd_arg *r)
{
	return r->n > 0 && r->p[r->n - 1] == ')';
}

/* The word that begins a selector which never ends; ${n} without. */
static uint32_t
unclosed(const struct pd_arg *rules, uint32_t n)
{
	uint32_t i, open = n;

	for (i = 0; i < n; i++) {
		if (open == n && opens(&rules[i]))
			open = i;
		else if (open < n && closes(&rules[i]))
			open = n;
	}
	return open;
}

int
acl_apply_all(const struct pd_acl *a, struct pd_user *u,
    const struct pd_arg *rules, uint32_t n, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	const uint32_t open = unclosed(rules, n);
	uint32_t i;
	int r = 0;

	if (open < n)
		return pd_err_set(err,
		    "Unmatched parenthesis in acl selector starting at '%.*s'.",
		    rules[open].n < 128 ? (int)rules[open].n : 128,
		    rules[open].p);
	for (i = 0; r == 0 && i < n; i++) {
		const struct pd_arg *rule = &rules[i];

		if (b.len == 0 && !opens(rule)) {
			r = apply_one(a, u, rule->p, rule->n, err);
			continue;
		}
		if (b.len > 0)
			pd_buf_addc(&b, ' ');
		pd_buf_add(&b, rule->p, rule->n);
		if (b.failed) {
			r = pd_err_nomem(err);
		} else if (closes(rule)) {
			r = apply_one(a, u, (const char *)b.data, b.len, err);
			pd_buf_clear(&b);
		}
	}
	pd_buf_release(&b);
	return r;
}
