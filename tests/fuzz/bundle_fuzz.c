/*
 * pd_model_parse() over any bytes. A gzip's check sums and a manifest's
 * digests stop random bytes early, so the input is also taken as the members
 * themselves: "name\n", u32 length, bytes, repeated; manifest.json may hold
 * "@NAME" for the entry of a member (length and digest) and "@schema" for the
 * feature schema's number. What is packed that way goes through
 * the same loader, and what loads must score.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "data/feature.h"
#include "io/archive.h"
#include "model/manifest.h"
#include "model/model.h"
#include "model/trees.h"

#define MEMBERS 8

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
load(const void *p, size_t n)
{
	struct pd_model *m = pd_model_parse(p, n, NULL);
	float row[PD_TREES_MAX_COLS] = {0};

	if (m == NULL)
		return;
	if (m->cols != pd_trees_cols(m->trees) || m->golden_rows == 0 ||
	    pd_model_memory(m) < sizeof(*m) || strlen(m->digest) != 64)
		abort();
	(void)pd_trees_score(m->trees, row);
	pd_model_free(m);
}

/* Take members off the input; their names become C strings in ${names}. */
static size_t
members(const uint8_t *p, size_t n, struct pd_archive_member *m,
    char names[MEMBERS][32])
{
	size_t k = 0, len;
	const uint8_t *nl;

	while (k < MEMBERS && n > 0) {
		nl = memchr(p, '\n', n < 32 ? n : 32);
		if (nl == NULL || (size_t)(nl - p) + 5 > n)
			break;
		memcpy(names[k], p, (size_t)(nl - p));
		names[k][nl - p] = '\0';
		n -= (size_t)(nl - p) + 5;
		len = pd_get32(nl + 1);
		p = nl + 5;
		m[k].name = names[k];
		m[k].data = p;
		m[k].len = len < n ? len : n;
		p += m[k].len;
		n -= m[k].len;
		k++;
	}
	return k;
}

/* The manifest with its "@..." replaced. */
static void
expand(const struct pd_archive_member *manifest,
    const struct pd_archive_member *m, size_t n, struct pd_buf *out)
{
	const uint8_t *p = manifest->data, *end = p + manifest->len, *at;
	char hex[65];
	size_t i;

	while (p < end) {
		at = memchr(p, '@', (size_t)(end - p));
		if (at == NULL)
			at = end;
		pd_buf_add(out, p, (size_t)(at - p));
		if (at == end)
			break;
		p = at + 1;
		if (end - p >= 6 && memcmp(p, "schema", 6) == 0) {
			pd_buf_printf(
			    out, "%016" PRIx64, pd_feature_schema_id());
			p += 6;
			continue;
		}
		for (i = 0; i < n; i++)
			if ((size_t)(end - p) > strlen(m[i].name) &&
			    memcmp(p, m[i].name, strlen(m[i].name)) == 0)
				break;
		if (i == n)
			continue;
		p += strlen(m[i].name);
		pd_manifest_digest(m[i].data, m[i].len, hex);
		pd_buf_printf(out, "\"%s\":{\"bytes\":%zu,\"sha256\":\"%s\"}",
		    m[i].name, m[i].len, hex);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_archive_member m[MEMBERS];
	char names[MEMBERS][32];
	struct pd_buf manifest = PD_BUF_INIT, out = PD_BUF_INIT;
	size_t i, k;

	load(p, n);
	k = members(p, n, m, names);
	for (i = 0; i < k; i++) {
		if (strcmp(m[i].name, "manifest.json") != 0)
			continue;
		expand(&m[i], m, k, &manifest);
		m[i].data = manifest.data;
		m[i].len = manifest.len;
		break;
	}
	if (k > 0 && pd_archive_pack(m, k, &out, NULL) == 0)
		load(out.data, out.len);
	pd_buf_release(&manifest);
	pd_buf_release(&out);
	return 0;
}
