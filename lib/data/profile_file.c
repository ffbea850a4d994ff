/* The bytes of a .pdp file, predis-drift(1). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/err.h"
#include "data/profile.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#define MAGIC "PDP1"
#define VERSION 1
#define HEAD 64
#define FEATURE_HEAD 64
#define TAIL 4 /* CRC-32 of all before */

static uint64_t
double_bits(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static double
bits_double(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static uint32_t
float_bits(float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static float
bits_float(uint32_t u)
{
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static void
encode_feature(const struct pd_profile_feature *f, struct pd_buf *out)
{
	unsigned i;

	pd_buf_add16(out, f->slot);
	pd_buf_add16(out, (uint16_t)f->ncuts);
	pd_buf_add32(out, 0);
	pd_buf_add64(out, f->n);
	pd_buf_add64(out, f->missing);
	pd_buf_add64(out, f->finite);
	pd_buf_add64(out, double_bits(f->mean));
	pd_buf_add64(out, double_bits(f->m2));
	pd_buf_add64(out, double_bits(pd_profile_lag1(f)));
	pd_buf_add32(out, f->n > 0 ? float_bits(f->min) : 0);
	pd_buf_add32(out, f->n > 0 ? float_bits(f->max) : 0);
	for (i = 0; i < f->ncuts; i++)
		pd_buf_add32(out, float_bits(f->cuts[i]));
	for (i = 0; i <= f->ncuts; i++)
		pd_buf_add64(out, f->counts[i]);
}

static uint32_t
crc_of(const void *p, size_t n)
{
	return (uint32_t)crc32_z(0, p, n);
}

int
pd_profile_encode(const struct pd_profile *p, struct pd_buf *out)
{
	const size_t start = out->len;
	unsigned i;

	pd_buf_add(out, MAGIC, 4);
	pd_buf_add16(out, VERSION);
	pd_buf_add16(out, (uint16_t)p->nfeatures);
	pd_buf_add64(out, p->schema_id);
	pd_buf_add64(out, p->rows);
	pd_buf_add64(out, p->t_first_us);
	pd_buf_add64(out, p->t_last_us);
	pd_buf_add64(out, double_bits(p->rate));
	pd_buf_add8(out, (uint8_t)p->scheme);
	pd_buf_add8(out, (uint8_t)p->kind);
	pd_buf_add16(out, 0);
	pd_buf_add32(out, 0);
	pd_buf_add64(out, p->capacity);
	for (i = 0; i < p->nfeatures; i++)
		encode_feature(&p->f[i], out);
	if (out->failed)
		return -1;
	return pd_buf_add32(out, crc_of(out->data + start, out->len - start));
}

static int
check_feature(
    const struct pd_profile_feature *f, uint64_t rows, struct pd_err *err)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < f->ncuts; i++)
		if (!isfinite(f->cuts[i]) ||
		    (i > 0 && f->cuts[i] <= f->cuts[i - 1]))
			return pd_err_set(
			    err, "cuts of feature %u do not ascend", f->slot);
	for (i = 0; i <= f->ncuts; i++) {
		if (f->counts[i] > f->n - sum)
			return pd_err_set(
			    err, "counts of feature %u do not add up", f->slot);
		sum += f->counts[i];
	}
	if (sum != f->n || f->n > rows || f->missing != rows - f->n ||
	    f->finite > f->n)
		return pd_err_set(
		    err, "counts of feature %u do not add up", f->slot);
	if (!isfinite(f->mean) || !isfinite(f->m2) || f->m2 < 0 ||
	    !(f->lag1 >= 0 && f->lag1 <= 1) ||
	    (f->n > 0 && !(f->min <= f->max)))
		return pd_err_set(
		    err, "moments of feature %u are no numbers", f->slot);
	return 0;
}

/* Returns the bytes used, 0 on failure. */
static size_t
decode_feature(struct pd_profile_feature *f, const uint8_t *p, size_t n,
    uint64_t rows, struct pd_err *err)
{
	size_t len, pos = FEATURE_HEAD;
	unsigned i;

	if (n < FEATURE_HEAD)
		goto short_file;
	if (pd_get16(p) >= PD_FEATURES || pd_get16(p + 2) > PD_PROFILE_CUTS) {
		pd_err_set(err, "feature %u with %u cuts is out of range",
		    pd_get16(p), pd_get16(p + 2));
		return 0;
	}
	f->slot = (uint8_t)pd_get16(p);
	f->ncuts = pd_get16(p + 2);
	len = FEATURE_HEAD + 4 * f->ncuts + 8 * (f->ncuts + 1);
	if (n < len)
		goto short_file;
	f->n = pd_get64(p + 8);
	f->missing = pd_get64(p + 16);
	f->finite = pd_get64(p + 24);
	f->mean = bits_double(pd_get64(p + 32));
	f->m2 = bits_double(pd_get64(p + 40));
	f->lag1 = bits_double(pd_get64(p + 48));
	f->previous = NAN;
	f->min = f->n > 0 ? bits_float(pd_get32(p + 56)) : NAN;
	f->max = f->n > 0 ? bits_float(pd_get32(p + 60)) : NAN;
	for (i = 0; i < f->ncuts; i++, pos += 4)
		f->cuts[i] = bits_float(pd_get32(p + pos));
	for (i = 0; i <= f->ncuts; i++, pos += 8)
		f->counts[i] = pd_get64(p + pos);
	return check_feature(f, rows, err) ? 0 : len;
short_file:
	pd_err_set(err, "the profile is cut short");
	return 0;
}

static int
decode_head(
    struct pd_profile *q, const uint8_t *p, size_t n, struct pd_err *err)
{
	if (n < HEAD + TAIL || memcmp(p, MAGIC, 4) != 0)
		return pd_err_set(err, "not a Predis profile");
	if (pd_get16(p + 4) != VERSION)
		return pd_err_set(err,
		    "profile version %u, this program reads %u",
		    pd_get16(p + 4), VERSION);
	if (n > PD_PROFILE_MAX_BYTES ||
	    pd_get32(p + n - TAIL) != crc_of(p, n - TAIL))
		return pd_err_set(err, "the profile is damaged (CRC)");
	if (pd_get16(p + 6) > PD_FEATURES || p[48] > PD_SAMPLE_WINDOW ||
	    p[49] > PD_PROFILE_RESIDENT)
		return pd_err_set(err, "the profile's header is out of range");
	q->nfeatures = pd_get16(p + 6);
	q->schema_id = pd_get64(p + 8);
	q->rows = pd_get64(p + 16);
	q->t_first_us = pd_get64(p + 24);
	q->t_last_us = pd_get64(p + 32);
	q->rate = bits_double(pd_get64(p + 40));
	q->scheme = (enum pd_scheme)p[48];
	q->capacity = pd_get64(p + 56);
	q->kind = (enum pd_profile_kind)p[49];
	if (!(q->rate >= 0 && q->rate <= 1))
		return pd_err_set(err, "the profile's header is out of range");
	return 0;
}

struct pd_profile *
pd_profile_decode(const void *bytes, size_t n, struct pd_err *err)
{
	const uint8_t *p = bytes;
	struct pd_profile *q;
	uint64_t seen = 0;
	size_t pos = HEAD, len;
	unsigned i;

	if ((q = pd_profile_new()) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (decode_head(q, p, n, err))
		goto err0;
	for (i = 0; i < q->nfeatures; i++) {
		len = decode_feature(
		    &q->f[i], p + pos, n - TAIL - pos, q->rows, err);
		if (len == 0)
			goto err0;
		if (seen >> q->f[i].slot & 1) {
			pd_err_set(
			    err, "feature %u is there twice", q->f[i].slot);
			goto err0;
		}
		seen |= UINT64_C(1) << q->f[i].slot;
		pos += len;
	}
	if (pos != n - TAIL) {
		pd_err_set(err, "the profile has bytes too many");
		goto err0;
	}
	return q;
err0:
	free(q);
	return NULL;
}

int
pd_profile_write(
    const struct pd_profile *p, const char *path, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	int r;

	if (pd_profile_encode(p, &b))
		r = pd_err_nomem(err);
	else
		r = pd_atomicfile_write(path, b.data, b.len, 0644, err);
	pd_buf_release(&b);
	return r;
}

struct pd_profile *
pd_profile_read(const char *path, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_profile *p = NULL;

	if (pd_read_file(path, PD_PROFILE_MAX_BYTES, &b, err) == 0) {
		p = pd_profile_decode(b.data, b.len, err);
		if (p == NULL)
			pd_err_prefix(err, "cannot use '%s'", path);
	}
	pd_buf_release(&b);
	return p;
}
