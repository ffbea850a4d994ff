#include <string.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "data/namespace.h"

int
pd_namespaces_add(
    struct pd_namespaces *ns, uint32_t id, const char *name, size_t n)
{
	if (ns->n == PD_NAMESPACES_MAX || n == 0 || n >= PD_NAMESPACE_NAME)
		return -1;
	memcpy(ns->of[ns->n].name, name, n);
	ns->of[ns->n].name[n] = '\0';
	ns->of[ns->n++].id = id;
	return 0;
}

int
pd_namespaces_parse(
    struct pd_namespaces *ns, const char *list, struct pd_err *err)
{
	const char *s = list;
	size_t n;

	for (;;) {
		n = strcspn(s, ",");
		if (memchr(s, ':', n) != NULL || memchr(s, '/', n) != NULL)
			return pd_err_set(err,
			    "'%.*s' is no name: it ends before ':' or '/'",
			    (int)n, s);
		for (unsigned i = 0; i < ns->n; i++)
			if (strlen(ns->of[i].name) == n &&
			    memcmp(ns->of[i].name, s, n) == 0)
				return pd_err_set(
				    err, "'%.*s' is named twice", (int)n, s);
		if (pd_namespaces_add(ns, 0, s, n))
			return pd_err_set(err,
			    "'%.*s' is no name of 1 to %d bytes, or the list "
			    "has more than %d",
			    (int)n, s, PD_NAMESPACE_NAME - 1,
			    PD_NAMESPACES_MAX);
		if (s[n] == '\0')
			return 0;
		s += n + 1;
	}
}

void
pd_namespaces_key(struct pd_namespaces *ns, const struct pd_keys *keys)
{
	for (unsigned i = 0; i < ns->n; i++) {
		const char *name = ns->of[i].name;
		const uint64_t h =
		    pd_keys_identity(keys, name, (uint32_t)strlen(name));

		ns->of[i].id = (uint32_t)h | 1;
	}
}

uint32_t
pd_namespaces_of(const struct pd_namespaces *ns, const char *key, size_t n)
{
	const size_t most = n < PD_NAMESPACE_NAME ? n : PD_NAMESPACE_NAME;
	size_t len = 0;

	while (len < most && key[len] != ':' && key[len] != '/')
		len++;
	if (len == 0 || len == most)
		return 0;
	for (unsigned i = 0; i < ns->n; i++)
		if (ns->of[i].name[len] == '\0' &&
		    memcmp(ns->of[i].name, key, len) == 0)
			return ns->of[i].id;
	return 0;
}

const char *
pd_namespaces_name(const struct pd_namespaces *ns, uint32_t id)
{
	for (unsigned i = 0; i < ns->n; i++)
		if (ns->of[i].id == id)
			return ns->of[i].name;
	return NULL;
}
