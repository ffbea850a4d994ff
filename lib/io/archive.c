#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/err.h"
#include "io/archive.h"

#define NAME_MAX_BYTES 99 /* what a ustar header holds */
#define MEMBERS_MAX 64	  /* names that are remembered to find doubles */

static la_ssize_t
append(struct archive *a, void *cookie, const void *p, size_t n)
{
	struct pd_buf *out = cookie;

	if (pd_buf_add(out, p, n)) {
		archive_set_error(a, ENOMEM, "out of memory");
		return -1;
	}
	return (la_ssize_t)n;
}

static int
by_name(const void *a, const void *b)
{
	const struct pd_archive_member *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
pack_member(struct archive *a, const struct pd_archive_member *m)
{
	struct archive_entry *e;
	int r = -1;

	if ((e = archive_entry_new()) == NULL)
		return -1;
	archive_entry_set_pathname(e, m->name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_mtime(e, 0, 0);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_size(e, (la_int64_t)m->len);
	if (archive_write_header(a, e) == ARCHIVE_OK &&
	    (m->len == 0 ||
		archive_write_data(a, m->data, m->len) == (la_ssize_t)m->len))
		r = 0;
	archive_entry_free(e);
	return r;
}

/* The members in the order of their checked names; NULL with a message. */
static struct pd_archive_member *
sorted(const struct pd_archive_member *members, size_t n, struct pd_err *err)
{
	struct pd_archive_member *s;
	size_t i, len;

	if ((s = calloc(n + 1, sizeof(*s))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	for (i = 0; i < n; i++)
		s[i] = members[i];
	qsort(s, n, sizeof(*s), by_name);
	for (i = 0; i < n; i++) {
		len = strlen(s[i].name);
		if (len < 1 || len > NAME_MAX_BYTES || strchr(s[i].name, '/'))
			pd_err_set(
			    err, "'%s' is no name for a member", s[i].name);
		else if (i > 0 && strcmp(s[i - 1].name, s[i].name) == 0)
			pd_err_set(err, "two members '%s'", s[i].name);
		else
			continue;
		free(s);
		return NULL;
	}
	return s;
}

int
pd_archive_pack(const struct pd_archive_member *members, size_t n,
    struct pd_buf *out, struct pd_err *err)
{
	struct pd_archive_member *s;
	struct archive *a;
	size_t i;
	int r = -1;

	if ((s = sorted(members, n, err)) == NULL)
		return -1;
	if ((a = archive_write_new()) == NULL) {
		free(s);
		return pd_err_nomem(err);
	}
	/* No padding after the gzip member, no time stamp inside it. */
	archive_write_set_bytes_in_last_block(a, 1);
	if (archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
	    archive_write_set_filter_option(a, "gzip", "timestamp", NULL) !=
		ARCHIVE_OK ||
	    archive_write_set_filter_option(
		a, "gzip", "compression-level", "9") != ARCHIVE_OK ||
	    archive_write_set_format_ustar(a) != ARCHIVE_OK ||
	    archive_write_open(a, out, NULL, append, NULL) != ARCHIVE_OK)
		goto out;
	for (i = 0; i < n; i++)
		if (pack_member(a, &s[i]))
			goto out;
	if (archive_write_close(a) == ARCHIVE_OK)
		r = 0;
out:
	if (r)
		pd_err_set(err, "cannot pack: %s",
		    archive_error_string(a) ? archive_error_string(a)
					    : "out of memory");
	archive_write_free(a);
	free(s);
	return r;
}

/* What has been read so far. */
struct unpack {
	struct archive *a;
	struct pd_archive_want *wants;
	size_t n;
	unsigned members, max_members;
	uint64_t total, max_total;
	char names[MEMBERS_MAX][NAME_MAX_BYTES + 1];
};

/* Copy the data of the member at hand to ${w} (NULL: count it only). */
static int
unpack_data(struct unpack *u, const char *name, struct pd_archive_want *w,
    struct pd_err *err)
{
	uint8_t chunk[16384];
	la_ssize_t got;

	while ((got = archive_read_data(u->a, chunk, sizeof(chunk))) > 0) {
		u->total += (uint64_t)got;
		if (u->total > u->max_total)
			return pd_err_set(err,
			    "more than %llu bytes when unpacked",
			    (unsigned long long)u->max_total);
		if (w == NULL)
			continue;
		if ((size_t)got > w->max - w->data.len)
			return pd_err_set(
			    err, "%s: more than %zu bytes", name, w->max);
		if (pd_buf_add(&w->data, chunk, (size_t)got))
			return pd_err_nomem(err);
	}
	if (got < 0)
		return pd_err_set(err, "%s: %s", name,
		    archive_error_string(u->a) ? archive_error_string(u->a)
					       : "damaged archive");
	return 0;
}

static int
unpack_member(struct unpack *u, struct archive_entry *e, struct pd_err *err)
{
	const char *name = archive_entry_pathname(e);
	struct pd_archive_want *w = NULL;
	size_t i;

	if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_BYTES)
		return pd_err_set(err, "a member without a usable name");
	if (archive_entry_filetype(e) != AE_IFREG ||
	    archive_entry_hardlink(e) != NULL)
		return pd_err_set(err, "'%s' is not a regular file", name);
	if (u->members == u->max_members)
		return pd_err_set(err, "more than %u members", u->max_members);
	for (i = 0; i < u->members; i++)
		if (strcmp(u->names[i], name) == 0)
			return pd_err_set(err, "two members '%s'", name);
	memcpy(u->names[u->members++], name, strlen(name) + 1);
	for (i = 0; i < u->n; i++)
		if (strcmp(u->wants[i].name, name) == 0)
			w = &u->wants[i];
	if (w != NULL)
		w->found = true;
	return unpack_data(u, name, w, err);
}

static int
unpack_all(struct unpack *u, struct pd_err *err)
{
	struct archive_entry *e;
	int r, bad = 0;

	/* Our own entry: libarchive 3.6 does not check that it got its. */
	if ((e = archive_entry_new()) == NULL)
		return pd_err_nomem(err);
	while (!bad && (r = archive_read_next_header2(u->a, e)) == ARCHIVE_OK)
		bad = unpack_member(u, e, err);
	if (!bad && r != ARCHIVE_EOF)
		bad = pd_err_set(err, "not a tar.gz archive: %s",
		    archive_error_string(u->a) ? archive_error_string(u->a)
					       : "damaged");
	archive_entry_free(e);
	return bad;
}

int
pd_archive_unpack(const void *p, size_t len, unsigned max_members,
    uint64_t max_total, struct pd_archive_want *wants, size_t n,
    struct pd_err *err)
{
	static const uint8_t gzip[2] = {0x1f, 0x8b};
	struct unpack *u;
	size_t i;
	int r = -1;

	for (i = 0; i < n; i++) {
		wants[i].data = (struct pd_buf)PD_BUF_INIT;
		wants[i].found = false;
	}
	if (len < sizeof(gzip) || memcmp(p, gzip, sizeof(gzip)) != 0)
		return pd_err_set(err, "not a tar.gz archive");
	if ((u = calloc(1, sizeof(*u))) == NULL ||
	    (u->a = archive_read_new()) == NULL) {
		free(u);
		return pd_err_nomem(err);
	}
	u->wants = wants;
	u->n = n;
	u->max_members = max_members < MEMBERS_MAX ? max_members : MEMBERS_MAX;
	u->max_total = max_total;
	if (archive_read_support_filter_gzip(u->a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(u->a) != ARCHIVE_OK ||
	    archive_read_open_memory(u->a, p, len) != ARCHIVE_OK)
		pd_err_set(err, "not a tar.gz archive: %s",
		    archive_error_string(u->a) ? archive_error_string(u->a)
					       : "damaged");
	else
		r = unpack_all(u, err);
	archive_read_free(u->a);
	free(u);
	return r;
}

void
pd_archive_release(struct pd_archive_want *wants, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		pd_buf_release(&wants[i].data);
}
