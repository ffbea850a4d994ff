#include <stdlib.h>
#include <string.h>

#include "data/pds_index.h"
#include "data/pds_priv.h"

static const struct {
	uint16_t id;
	uint8_t encoding;
	uint8_t width;
} column[PD_PDS_INDEX_COLUMNS] = {{PD_PDS_COL_X_OFFSET, PD_PDS_DELTA, 0},
    {PD_PDS_COL_X_FIRST, PD_PDS_DELTA, 0}, {PD_PDS_COL_X_LAST, PD_PDS_DELTA, 0},
    {PD_PDS_COL_X_RECORDS, PD_PDS_VARINT, 0},
    {PD_PDS_COL_X_TYPE, PD_PDS_RAW, 1}};

void
pd_pds_index_release(struct pd_pds_index *x)
{
	for (int i = 0; i < PD_PDS_INDEX_COLUMNS; i++)
		pd_buf_release(&x->col[i]);
	pd_pds_index_clear(x);
}

void
pd_pds_index_clear(struct pd_pds_index *x)
{
	for (int i = 0; i < PD_PDS_INDEX_COLUMNS; i++)
		pd_buf_clear(&x->col[i]);
	memset(x->at, 0, sizeof(x->at));
	x->t_first_us = x->t_last_us = 0;
	x->n = 0;
}

static void
delta(struct pd_buf *b, uint64_t now, uint64_t *last)
{
	const uint64_t d = now - *last;

	pd_buf_addvar(b, d << 1 ^ (0 - (d >> 63)));
	*last = now;
}

static bool
has_times(const struct pd_pds_block *b)
{
	return b->nrec > 0 &&
	       (b->type == PD_PDS_EVENTS || b->type == PD_PDS_FEATURES);
}

void
pd_pds_index_add(struct pd_pds_index *x, const struct pd_pds_block *b)
{
	delta(&x->col[0], b->offset, &x->at[0]);
	delta(&x->col[1], b->t_first_us, &x->at[1]);
	delta(&x->col[2], b->t_last_us, &x->at[2]);
	pd_buf_addvar(&x->col[3], b->nrec);
	pd_buf_add8(&x->col[4], b->type);
	x->n++;
	if (!has_times(b))
		return;
	if (x->t_last_us == 0 || b->t_first_us < x->t_first_us)
		x->t_first_us = b->t_first_us;
	if (b->t_last_us > x->t_last_us)
		x->t_last_us = b->t_last_us;
}

int
pd_pds_index_payload(const struct pd_pds_index *x, const char *text, size_t n,
    struct pd_buf *out)
{
	for (int i = 0; i < PD_PDS_INDEX_COLUMNS; i++) {
		if (x->col[i].failed)
			return -1;
		pd_pds_dir(out, column[i].id,
		    (enum pd_pds_encoding)column[i].encoding, column[i].width,
		    x->col[i].len);
	}
	if (text != NULL)
		pd_pds_dir(out, PD_PDS_COL_TEXT, PD_PDS_TEXT, 0, n);
	pd_buf_add64(out, 0); /* the end of the directory */
	for (int i = 0; i < PD_PDS_INDEX_COLUMNS; i++)
		pd_buf_add(out, x->col[i].data, x->col[i].len);
	if (text != NULL)
		pd_buf_add(out, text, n);
	return out->failed ? -1 : 0;
}

/* Put column ${i} into its field of every entry. */
static void
store(struct pd_pds_entry *e, const uint64_t *v, uint32_t n, int i)
{
	for (uint32_t k = 0; k < n; k++) {
		if (i == 0)
			e[k].offset = v[k];
		else if (i == 1)
			e[k].t_first_us = v[k];
		else if (i == 2)
			e[k].t_last_us = v[k];
		else
			e[k].nrec = (uint32_t)v[k];
	}
}

int
pd_pds_index_decode(const struct pd_pds_block *b, struct pd_pds_entry *e)
{
	const struct pd_pds_colref *c;
	struct pd_pds_payload y;
	uint64_t *v;
	int rc = -1;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len) ||
	    (c = pd_pds_column(&y, PD_PDS_COL_X_TYPE, PD_PDS_RAW, 1)) == NULL ||
	    c->len != b->nrec ||
	    (v = malloc(((size_t)b->nrec + 1) * sizeof(*v))) == NULL)
		return -1;
	for (uint32_t k = 0; k < b->nrec; k++)
		e[k].type = c->data[k];
	for (int i = 0; i < PD_PDS_INDEX_COLUMNS - 1; i++) {
		c = pd_pds_column(&y, column[i].id,
		    (enum pd_pds_encoding)column[i].encoding, column[i].width);
		if (c == NULL || pd_pds_decode_u64(c, v, b->nrec))
			goto out;
		for (uint32_t k = 0; i == 3 && k < b->nrec; k++)
			if (v[k] > PD_PDS_MAX_RECORDS)
				goto out;
		store(e, v, b->nrec, i);
	}
	rc = 0;
out:
	free(v);
	return rc;
}
