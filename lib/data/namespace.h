#ifndef PD_DATA_NAMESPACE_H
#define PD_DATA_NAMESPACE_H

/*
 * Namespaces that may be told: a key belongs to the one that it begins with,
 * up to its first ':' or '/'. Only names on a list have an id in events, and
 * their names stand in headers; of others nothing leaves.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_keys;

#define PD_NAMESPACES_MAX 64
#define PD_NAMESPACE_NAME 32 /* bytes, with the NUL */

struct pd_namespaces {
	struct {
		uint32_t id; /* keyed hash of the name, never 0 */
		char name[PD_NAMESPACE_NAME];
	} of[PD_NAMESPACES_MAX];
	unsigned n;
};

/* Add the names of ${list}, separated by commas; their ids are still 0. 0, or
 * -1 with a message: too many, too long, empty, twice, or with a ':' or '/'. */
int pd_namespaces_parse(
    struct pd_namespaces *ns, const char *list, struct pd_err *err);
/* Give the names their ids under ${keys}. */
void pd_namespaces_key(struct pd_namespaces *ns, const struct pd_keys *keys);
/* Add a name that has an id, as a header tells it. 0, or -1: no room. */
int pd_namespaces_add(
    struct pd_namespaces *ns, uint32_t id, const char *name, size_t n);
/* The id of the namespace of a key of ${n} bytes; 0: none on the list. */
uint32_t pd_namespaces_of(
    const struct pd_namespaces *ns, const char *key, size_t n);
/* The name of an id, or NULL. */
const char *pd_namespaces_name(const struct pd_namespaces *ns, uint32_t id);

#endif /* PD_DATA_NAMESPACE_H */
