/* Rows of results: columns or JSON. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "io/json.h"
#include "replay.h"

double
ratio(uint64_t part, uint64_t all)
{
	return all == 0 ? 0 : (double)part / (double)all;
}

static const char *
size_name(void)
{
	return opt.bytes ? "size_bytes" : "size_objects";
}

static void
key_u64(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

/* NAN becomes null. */
static void
key_fixed(struct pd_json *j, const char *key, double v, int digits)
{
	pd_json_key(j, key);
	pd_json_fixed(j, v, digits);
}

/* What every row begins with. */
static void
json_head(struct pd_json *j, const struct row *r)
{
	pd_json_open(j, '{');
	pd_json_key(j, "trace");
	pd_json_str(j, r->trace);
	pd_json_key(j, "policy");
	pd_json_str(j, r->policy);
	pd_json_key(j, size_name());
	if (r->size_known)
		pd_json_u64(j, r->size);
	else
		pd_json_null(j);
	if (r->rate < 1) {
		pd_json_key(j, "sampling_rate");
		pd_json_double(j, r->rate);
	}
}

static void
json_counts(struct pd_json *j, const struct counts *n)
{
	key_u64(j, "requests", n->requests);
	key_u64(j, "misses", n->misses);
	key_fixed(j, "miss_ratio", ratio(n->misses, n->requests), 6);
	key_fixed(j, "byte_miss_ratio", ratio(n->byte_misses, n->bytes), 6);
	if (n->cost > 0)
		key_fixed(
		    j, "cost_miss_ratio", ratio(n->cost_misses, n->cost), 6);
}

static double
bytes_per_object(const struct row *r)
{
	if (!r->online || r->resident == 0)
		return NAN;
	return (double)r->policy_bytes / (double)r->resident;
}

static void
json_simulated(struct pd_json *j, const struct row *r)
{
	key_fixed(j, "ns_per_request", r->ns_per_request, 1);
	key_u64(j, "evictions", r->evictions);
	pd_json_key(j, "policy_bytes");
	if (r->online)
		pd_json_u64(j, r->policy_bytes);
	else
		pd_json_null(j);
	key_fixed(j, "policy_bytes_per_object", bytes_per_object(r), 1);
	key_fixed(j, "gap_closed", r->gap_closed, 4);
	if (r->retrained) {
		key_u64(j, "trainings", r->trainings);
		key_u64(j, "models", r->models);
		key_fixed(j, "training_seconds", r->training_seconds, 6);
	}
}

static void
format_json(struct pd_buf *b, const struct row *r)
{
	struct pd_json j;

	pd_json_init(&j, b);
	json_head(&j, r);
	json_counts(&j, &r->n);
	key_fixed(&j, "seconds", r->seconds, 6);
	if (r->simulated)
		json_simulated(&j, r);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

/* A number and a tab, or '-' for one that is not known. */
static void
column(struct pd_buf *b, double v, int digits, char end)
{
	if (isfinite(v))
		pd_buf_printf(b, "%.*f%c", digits, v, end);
	else
		pd_buf_printf(b, "-%c", end);
}

static void
columns_head(struct pd_buf *b, const struct row *r)
{
	pd_buf_printf(b, "%s\t%s\t", r->trace, r->policy);
	column(b, r->size_known ? (double)r->size : NAN, 0, '\t');
}

static void
columns_counts(struct pd_buf *b, const struct counts *n, char end)
{
	pd_buf_printf(b, "%" PRIu64 "\t%" PRIu64 "\t%.6f\t%.6f%c", n->requests,
	    n->misses, ratio(n->misses, n->requests),
	    ratio(n->byte_misses, n->bytes), end);
}

static void
format_columns(struct pd_buf *b, const struct row *r)
{
	const bool s = r->simulated;

	columns_head(b, r);
	columns_counts(b, &r->n, '\t');
	column(b, r->seconds, 6, '\t');
	column(b, s ? r->ns_per_request : NAN, 1, '\t');
	column(b, s ? (double)r->evictions : NAN, 0, '\t');
	column(b, r->online ? (double)r->policy_bytes : NAN, 0, '\t');
	column(b, bytes_per_object(r), 1, '\t');
	column(b, s ? r->gap_closed : NAN, 4, '\n');
}

/* Write ${b}, behind the names of the columns ${tail} the first time. */
static int
put(struct pd_buf *b, const char *tail)
{
	static bool titled;
	struct pd_buf title = PD_BUF_INIT;
	int rc = -1;

	if (!opt.json && !titled)
		pd_buf_printf(
		    &title, "trace\tpolicy\t%s\t%s\n", size_name(), tail);
	pd_cli_progress_end();
	if (b->failed || title.failed)
		pd_cli_failf("out of memory");
	else if (titled || title.len == 0 ||
		 pd_cli_out(title.data, title.len) == 0)
		rc = pd_cli_out(b->data, b->len);
	titled = true;
	pd_buf_release(&title);
	pd_buf_release(b);
	return rc;
}

int
put_row(const struct row *r)
{
	struct pd_buf b = PD_BUF_INIT;

	if (opt.json)
		format_json(&b, r);
	else
		format_columns(&b, r);
	return put(&b, "requests\tmisses\tmiss_ratio\tbyte_miss_ratio\t"
		       "seconds\tns_per_request\tevictions\tpolicy_bytes\t"
		       "policy_bytes_per_object\tgap_closed");
}

int
put_window(const struct row *r, const struct window *w, size_t number,
    uint64_t from_request)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;

	if (opt.json) {
		pd_json_init(&j, &b);
		json_head(&j, r);
		key_u64(&j, "window", number);
		key_u64(&j, "from_request", from_request);
		json_counts(&j, &w->n);
		pd_json_key(&j, "ruling");
		pd_json_str(&j, w->ruling);
		pd_json_close(&j, '}');
		pd_buf_addc(&b, '\n');
	} else {
		columns_head(&b, r);
		pd_buf_printf(&b, "%zu\t%" PRIu64 "\t", number, from_request);
		columns_counts(&b, &w->n, '\t');
		pd_buf_printf(&b, "%s\n", w->ruling);
	}
	return put(&b, "window\tfrom_request\trequests\tmisses\tmiss_ratio\t"
		       "byte_miss_ratio\truling");
}

int
put_point(const struct row *r)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;

	if (opt.json) {
		pd_json_init(&j, &b);
		json_head(&j, r);
		key_fixed(&j, "miss_ratio", r->miss_ratio, 6);
		key_fixed(&j, "byte_miss_ratio", r->byte_miss_ratio, 6);
		pd_json_key(&j, "method");
		pd_json_str(&j, r->method);
		key_fixed(&j, "miss_ratio_error", r->error, 6);
		key_u64(&j, "requests", r->n.requests);
		key_u64(&j, "misses", r->n.misses);
		pd_json_close(&j, '}');
		pd_buf_addc(&b, '\n');
	} else {
		columns_head(&b, r);
		pd_buf_printf(&b,
		    "%.6f\t%.6f\t%s\t%.9g\t%.6f\t%" PRIu64 "\t%" PRIu64 "\n",
		    r->miss_ratio, r->byte_miss_ratio, r->method, r->rate,
		    r->error, r->n.requests, r->n.misses);
	}
	return put(&b, "miss_ratio\tbyte_miss_ratio\tmethod\t"
		       "sampling_rate\tmiss_ratio_error\trequests\tmisses");
}
