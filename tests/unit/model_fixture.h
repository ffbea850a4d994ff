/*
 * What the tests of lib/model share: the models of tests/golden/models, a
 * bundle made of one, files of their own. Include after cmocka.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/feature.h"
#include "io/fd.h"
#include "model/bundle.h"

#define GOLDEN_ROWS 64
#define GOLDEN_MAX_COLS 6

struct golden {
	struct pd_buf json;
	unsigned cols;
	float rows[GOLDEN_ROWS * GOLDEN_MAX_COLS];
	uint32_t want[GOLDEN_ROWS];
};

static inline uint32_t
float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

/* Read tests/golden/models/${name}; exactly GOLDEN_ROWS rows. */
static void
golden_read(struct golden *g, const char *name, unsigned cols)
{
	struct pd_buf rows = {0};
	char path[128], *p, *end;
	unsigned i, j;
	uint32_t u;

	memset(g, 0, sizeof(*g));
	g->cols = cols;
	snprintf(path, sizeof(path), "tests/golden/models/%s.json", name);
	assert_int_equal(pd_read_file(path, 1 << 20, &g->json, NULL), 0);
	snprintf(path, sizeof(path), "tests/golden/models/%s.rows", name);
	assert_int_equal(pd_read_file(path, 1 << 20, &rows, NULL), 0);
	p = pd_buf_cstr(&rows);
	assert_non_null(p);
	for (i = 0; i < GOLDEN_ROWS; i++) {
		for (j = 0; j <= cols; j++) {
			u = (uint32_t)strtoul(p, &end, 16);
			assert_ptr_equal(end, p + 8 + (j > 0 || i > 0));
			if (j < cols)
				memcpy(&g->rows[i * cols + j], &u, sizeof(u));
			else
				g->want[i] = u;
			p = end;
		}
	}
	assert_string_equal(p, "\n");
	pd_buf_release(&rows);
}

static void
golden_release(struct golden *g)
{
	pd_buf_release(&g->json);
}

/* Good parts of a bundle around ${g}. */
static inline struct pd_bundle_parts
golden_parts(const struct golden *g)
{
	static const uint8_t slots[GOLDEN_MAX_COLS] = {PD_F_age, PD_F_gap1,
	    PD_F_gap2, PD_F_frequency, PD_F_size, PD_F_hits_resident};
	struct pd_bundle_parts p = {0};

	p.name = "acme-web";
	p.label = "beyond";
	p.boundary = 1.0;
	p.capacity = 1000;
	p.trained_at = 1700000000000000;
	p.slots = slots;
	p.cols = g->cols;
	p.training = "{\"rows\":2000}";
	p.metrics = "{\"auc\":0.8}";
	p.model = g->json.data;
	p.model_len = g->json.len;
	p.golden = g->rows;
	p.golden_rows = GOLDEN_ROWS;
	return p;
}
