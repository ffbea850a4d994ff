/*
 * Feature rows, and their labels, for other programs: NumPy arrays and CSV.
 * The input is read twice: labels come after their rows, in no order.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/feature.h"
#include "data/npy.h"
#include "io/fd.h"
#include "io/json.h"
#include "io/spool.h"
#include "sample.h"

#define OUT_FULL 65536

enum format { NPY, MATRIX, CSV };

static struct {
	const char *output;
	const char *format;
} opt = {.format = "npy"};

const struct pd_opt sample_export_opts[] = {
    {'o', "output", "FILE", PD_OPT_STR, &opt.output, NULL,
	"write to FILE, not to standard output"},
    {'f', "format", "FORMAT", PD_OPT_STR, &opt.format, NULL,
	"npy (records, default), matrix (npy of floats) or csv"},
    PD_OPT_END,
};

/* Where the rows of a block begin among all rows. */
struct place {
	uint64_t stream_id;
	uint64_t seq;
	uint64_t row;
	uint32_t rows;
};

struct label {
	float value;
	uint8_t censored;
};

struct export
{
	const char *name; /* of the input, for people */
	enum format format;
	int in;
	int fd;
	struct pd_buf out;
	uint64_t slots;
	uint64_t rows;
	struct place *place;
	size_t places, places_cap;
	size_t run;	     /* the first place of the stream that came last */
	struct label *label; /* one a row, NULL: no labels */
	uint64_t labels, astray;
	bool damaged;
};

/* --- the first pass: how many rows, which slots, all labels ------------- */

static int
add_place(struct export *x, const struct pd_pds_block *b)
{
	struct place *p = x->place;

	if (x->places == x->places_cap) {
		const size_t cap = x->places_cap ? 2 * x->places_cap : 64;

		if ((p = realloc(p, cap * sizeof(*p))) == NULL)
			return pd_cli_failf("out of memory"), -1;
		x->place = p;
		x->places_cap = cap;
	}
	if (x->places > 0 && p[x->places - 1].stream_id != b->stream_id)
		x->run = x->places;
	p[x->places++] = (struct place){b->stream_id, b->seq, x->rows, b->nrec};
	x->rows += b->nrec;
	return 0;
}

static int
take_rows(
    struct export *x, struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(r);
	const uint64_t slots = pd_pds_row_slots(r, NULL);

	if (m != NULL && m->feature_schema != 0 &&
	    m->feature_schema != pd_feature_schema_id())
		return pd_cli_failf("'%s' holds features of another feature "
				    "table",
			   x->name),
		       -1;
	if (x->rows > 0 && slots != x->slots)
		return pd_cli_failf("'%s' holds rows of different slots: "
				    "export them one by one",
			   x->name),
		       -1;
	x->slots = slots;
	return add_place(x, b);
}

/* The last of the places [lo, hi) of one stream with a seq of at most ${seq};
 * hi when there is none. */
static size_t
last_place(const struct export *x, size_t lo, size_t hi, uint64_t seq)
{
	const size_t none = hi;
	size_t mid, found = none;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (x->place[mid].seq > seq) {
			hi = mid;
		} else {
			found = mid;
			lo = mid + 1;
		}
	}
	return found;
}

/* The row that a label names; UINT64_MAX: it is not there. Blocks of a stream
 * follow one another in order of seq, and the last stream is the likely one. */
static uint64_t
row_of(const struct export *x, const struct pd_pds_label *l)
{
	size_t lo = x->run, hi = x->places, i;

	while (hi > 0) {
		if (x->place[lo].stream_id == l->stream_id) {
			i = last_place(x, lo, hi, l->seq);
			if (i < hi && x->place[i].seq == l->seq &&
			    l->row < x->place[i].rows)
				return x->place[i].row + l->row;
		}
		for (hi = lo; lo > 0 && x->place[lo - 1].stream_id ==
					    x->place[hi - 1].stream_id;)
			lo--;
	}
	return UINT64_MAX;
}

/* Room for a label of each row so far. */
static int
grow_labels(struct export *x, uint64_t *have)
{
	struct label *p;
	uint64_t n = *have;

	if (n >= x->rows && x->label != NULL)
		return 0;
	n = x->rows + x->rows / 2 + 1;
	if ((p = realloc(x->label, n * sizeof(*p))) == NULL)
		return pd_cli_failf("out of memory"), -1;
	for (uint64_t i = *have; i < n; i++)
		p[i] = (struct label){NAN, 0};
	x->label = p;
	*have = n;
	return 0;
}

static int
take_labels(
    struct export *x, const struct pd_pds_label *l, uint32_t n, uint64_t *have)
{
	uint64_t row;

	if (grow_labels(x, have))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if ((row = row_of(x, &l[i])) == UINT64_MAX) {
			x->astray++;
			continue;
		}
		x->label[row] = (struct label){l[i].value, l[i].censored};
		x->labels++;
	}
	return 0;
}

static int
look(struct export *x, struct pd_pds_reader *r)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_block b;
	uint64_t have = 0;
	int rc;

	while ((rc = pd_pds_next(r, &b, &err)) == PD_PDS_GOT) {
		if (b.nrec == 0 ||
		    (b.type != PD_PDS_FEATURES && b.type != PD_PDS_LABELS))
			continue;
		if ((rc = pd_pds_verify(r, &b)) < 0)
			return pd_cli_failf("out of memory"), -1;
		if (rc == 1)
			continue;
		if (b.type == PD_PDS_FEATURES
			? take_rows(x, r, &b)
			: take_labels(x, pd_pds_labels(r), b.nrec, &have))
			return -1;
	}
	if (rc < 0)
		return pd_cli_fail(&err), -1;
	return x->label != NULL ? grow_labels(x, &have) : 0;
}

/* --- what comes before the rows ----------------------------------------- */

static unsigned
columns(const struct export *x)
{
	return (unsigned)__builtin_popcountll(x->slots);
}

static int
record_header(struct export *x)
{
	struct pd_buf type = PD_BUF_INIT;
	const char *descr;
	int rc = -1;

	pd_buf_addstr(
	    &type, "[('time_us', '<u8'), ('tick', '<u8'), ('key', '<u8')");
	for (int i = 0; i < PD_FEATURES; i++)
		if (x->slots >> i & 1)
			pd_buf_printf(
			    &type, ", ('%s', '<f4')", pd_feature_info[i].name);
	if (x->label != NULL)
		pd_buf_addstr(&type, ", ('label', '<f4'), ('censored', '|b1')");
	pd_buf_addc(&type, ']');
	if ((descr = pd_buf_cstr(&type)) != NULL)
		rc = pd_npy_header(&x->out, descr, &x->rows, 1);
	pd_buf_release(&type);
	return rc;
}

static int
matrix_header(struct export *x)
{
	const uint64_t shape[2] = {
	    x->rows, columns(x) + (x->label != NULL ? 2 : 0)};

	return pd_npy_header(&x->out, "'<f4'", shape, 2);
}

static void
csv_header(struct export *x)
{
	pd_buf_addstr(&x->out, "time_us,tick,key");
	for (int i = 0; i < PD_FEATURES; i++)
		if (x->slots >> i & 1)
			pd_buf_printf(&x->out, ",%s", pd_feature_info[i].name);
	pd_buf_addstr(&x->out, x->label != NULL ? ",label,censored\n" : "\n");
}

/* What the columns of a matrix are: FILE.json. 0 or -1. */
static int
matrix_names(const struct export *x, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT, path = PD_BUF_INIT;
	struct pd_json j;
	int rc = -1;

	pd_json_init(&j, &b);
	pd_json_open(&j, '{');
	for (int unit = 0; unit < 2; unit++) {
		pd_json_key(&j, unit ? "units" : "columns");
		pd_json_open(&j, '[');
		for (int i = 0; i < PD_FEATURES; i++)
			if (x->slots >> i & 1)
				pd_json_str(&j, unit ? pd_feature_info[i].unit
						     : pd_feature_info[i].name);
		if (x->label != NULL) {
			pd_json_str(&j, unit ? "log2 1+gap" : "label");
			pd_json_str(&j, unit ? "0..1" : "censored");
		}
		pd_json_close(&j, ']');
	}
	pd_json_key(&j, "rows");
	pd_json_u64(&j, x->rows);
	pd_json_close(&j, '}');
	pd_buf_addc(&b, '\n');
	pd_buf_printf(&path, "%s.json", opt.output);
	if (pd_buf_cstr(&path) == NULL || b.failed)
		(void)pd_err_nomem(err);
	else
		rc = pd_atomicfile_write(
		    (const char *)path.data, b.data, b.len, 0666, err);
	pd_buf_release(&path);
	pd_buf_release(&b);
	return rc;
}

/* --- the second pass: rows ---------------------------------------------- */

static void
add_float(struct pd_buf *b, float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	pd_buf_add32(b, u);
}

static void
row_binary(struct export *x, const struct pd_pds_row *row, uint64_t at)
{
	if (x->format == NPY) {
		pd_buf_add64(&x->out, row->time_us);
		pd_buf_add64(&x->out, row->tick);
		pd_buf_add64(&x->out, row->key);
	}
	for (int i = 0; i < PD_FEATURES; i++)
		if (x->slots >> i & 1)
			add_float(&x->out, row->value[i]);
	if (x->label == NULL)
		return;
	add_float(&x->out, x->label[at].value);
	if (x->format == NPY)
		pd_buf_add8(&x->out, x->label[at].censored != 0);
	else
		add_float(&x->out, x->label[at].censored != 0);
}

static void
csv_float(struct pd_buf *b, float f)
{
	pd_buf_addc(b, ',');
	if (!isnan(f))
		pd_buf_printf(b, "%.9g", (double)f);
}

static void
row_csv(struct export *x, const struct pd_pds_row *row, uint64_t at)
{
	pd_buf_printf(&x->out, "%" PRIu64 ",%" PRIu64 ",%016" PRIx64,
	    row->time_us, row->tick, row->key);
	for (int i = 0; i < PD_FEATURES; i++)
		if (x->slots >> i & 1)
			csv_float(&x->out, row->value[i]);
	if (x->label != NULL) {
		csv_float(&x->out, x->label[at].value);
		pd_buf_printf(&x->out, ",%d", x->label[at].censored != 0);
	}
	pd_buf_addc(&x->out, '\n');
}

static int
put(struct export *x, size_t above)
{
	struct pd_err err = PD_ERR_INIT;

	if (x->out.failed)
		return pd_cli_failf("out of memory"), -1;
	if (x->out.len <= above)
		return 0;
	if (pd_write_full(x->fd, x->out.data, x->out.len)) {
		pd_err_sys(&err, "cannot write '%s'",
		    opt.output != NULL ? opt.output : "standard output");
		return pd_cli_fail(&err), -1;
	}
	pd_buf_clear(&x->out);
	return 0;
}

static int
write_rows(struct export *x, struct pd_pds_reader *r)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_row row;
	uint64_t at;
	int got;

	for (at = 0; at < x->rows; at++) {
		if ((got = pd_pds_next_row(r, &row, &err)) != PD_PDS_GOT)
			return got < 0 ? pd_cli_fail(&err)
				       : pd_cli_failf("'%s' changed while it "
						      "was read",
					     x->name),
			       -1;
		(x->format == CSV ? row_csv : row_binary)(x, &row, at);
		if (put(x, OUT_FULL))
			return -1;
		if (at % 65536 == 0)
			pd_cli_progress("export", at, x->rows);
	}
	pd_cli_progress_end();
	return put(x, 0);
}

/* --- the verb ----------------------------------------------------------- */

/* What the first pass saw: damage is told, a stream without rows refused. */
static int
judge(struct export *x, const struct pd_pds_reader *r)
{
	const struct pd_pds_damage *list;
	const size_t n = pd_pds_damage(r, &list);
	struct pd_pds_stats st;

	pd_pds_reader_stats(r, &st);
	x->damaged = sample_note_damage(x->name, &st, list, n);
	if (st.blocks == 0)
		pd_cli_failf("'%s' holds no block of a PDS stream", x->name);
	else if (x->rows == 0 && st.records > 0)
		pd_cli_failf("'%s' holds no features: make them with "
			     "'predis-sample features'",
		    x->name);
	else
		return 0;
	return -1;
}

/* Read all of the input with ${pass}. 0 or -1. */
static int
with_reader(
    struct export *x, int (*pass)(struct export *, struct pd_pds_reader *))
{
	struct pd_pds_reader *r;
	int rc;

	if (lseek(x->in, 0, SEEK_SET) != 0)
		return pd_cli_failf("cannot read '%s' again", x->name), -1;
	if ((r = pd_pds_reader_fd(x->in)) == NULL)
		return pd_cli_failf("out of memory"), -1;
	rc = pass(x, r);
	if (rc == 0 && pass == look)
		rc = judge(x, r);
	pd_pds_reader_free(r);
	return rc;
}

static int
write_all(struct export *x)
{
	int rc = 0;

	if (x->format == CSV)
		csv_header(x);
	else
		rc = x->format == NPY ? record_header(x) : matrix_header(x);
	if (rc)
		return pd_cli_failf("cannot write a header of so many columns"),
		       -1;
	return with_reader(x, write_rows);
}

static int
run(struct export *x)
{
	struct pd_atomicfile file = PD_ATOMICFILE_INIT;
	struct pd_err err = PD_ERR_INIT;

	x->fd = STDOUT_FILENO;
	if (with_reader(x, look))
		return PD_EXIT_FAIL;
	if (x->astray > 0)
		pd_cli_note("'%s': %" PRIu64 " labels name rows that are not "
			    "there",
		    x->name, x->astray);
	if (opt.output != NULL) {
		if (pd_atomicfile_open(&file, opt.output, 0666, &err))
			return pd_cli_fail(&err);
		x->fd = file.fd;
	}
	if (write_all(x)) {
		pd_atomicfile_abort(&file);
		return PD_EXIT_FAIL;
	}
	if (opt.output != NULL &&
	    ((x->format == MATRIX && matrix_names(x, &err)) ||
		pd_atomicfile_commit(&file, &err))) {
		pd_atomicfile_abort(&file);
		return pd_cli_fail(&err);
	}
	if (pd_cli_verbose)
		pd_cli_note("%" PRIu64 " rows of %u features, %" PRIu64
			    " labels",
		    x->rows, columns(x), x->labels);
	return x->damaged ? PD_EXIT_NO : PD_EXIT_YES;
}

/* The input, as a file that can be read twice; -1 having reported. */
static int
open_input(const char *path)
{
	struct pd_err err = PD_ERR_INIT;
	const int fd = sample_open(path);
	int copy;

	if (fd < 0 || lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	copy = pd_spool(fd, &err);
	close(fd);
	if (copy < 0)
		pd_cli_fail(&err);
	return copy;
}

int
sample_export(int argc, char **argv)
{
	static const char *const names[] = {"npy", "matrix", "csv"};
	const char *path = argc == 0 ? "-" : argv[0];
	struct export x = {.name = sample_name(path), .out = PD_BUF_INIT};
	int status, f = 0;

	while (f < 3 && strcmp(opt.format, names[f]) != 0)
		f++;
	if (f == 3)
		return pd_cli_usage(
		    "--format is npy, matrix or csv, not '%s'", opt.format);
	x.format = (enum format)f;
	if (opt.output != NULL && strcmp(opt.output, "-") == 0)
		opt.output = NULL;
	if (x.format != CSV && opt.output == NULL && isatty(STDOUT_FILENO))
		return pd_cli_usage("an array is not for a terminal: use -o");
	if ((x.in = open_input(path)) < 0)
		return PD_EXIT_FAIL;
	status = run(&x);
	close(x.in);
	pd_buf_release(&x.out);
	free(x.place);
	free(x.label);
	return status;
}
