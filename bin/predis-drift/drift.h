#ifndef PREDIS_DRIFT_H
#define PREDIS_DRIFT_H

/* What the verbs of predis-drift share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "data/profile.h"

struct pd_buf;

extern const struct pd_opt ks_opts[];
extern const struct pd_opt psi_opts[];
extern const struct pd_opt adwin_opts[];
extern const struct pd_opt cusum_opts[];
extern const struct pd_opt profile_opts[];
extern const struct pd_opt test_opts[];

int ks_run(int argc, char **argv);
int psi_run(int argc, char **argv);
int adwin_run(int argc, char **argv);
int cusum_run(int argc, char **argv);
int profile_run(int argc, char **argv);
int test_run(int argc, char **argv);

/* numbers.c: text with one number a line. */
struct numbers {
	double *v;
	size_t n;
	size_t cap;
	uint64_t missing; /* NaN, left out of v */
};

/* The number of a line: 0, 1 for a blank line, -1 with a message without the
 * place. */
int number_parse(char *line, double *out, struct pd_err *err);
/* All numbers of a file or '-', sorted. 0 or -1 with a message. */
int numbers_read(struct numbers *x, const char *path, struct pd_err *err);
void numbers_release(struct numbers *x);
/*
 * numbers_each(fn, cookie):
 * Call fn with each number of standard input, NaN too, in constant memory. fn
 * returns 0, 1 to end because something could not be printed, or -1 with a
 * message without the place. An exit status; failures have been reported.
 */
int numbers_each(
    int (*fn)(void *cookie, double v, struct pd_err *err), void *cookie);

/* Append "name<TAB>value<NL>"; a double as the shortest text that reads back
 * the same. */
void put_text(struct pd_buf *b, const char *name, const char *value);
void put_double(struct pd_buf *b, const char *name, double v);
void put_u64(struct pd_buf *b, const char *name, uint64_t v);
/* The double alone. */
void add_double(struct pd_buf *b, double v);

/* Print the buffer, release it, and return ${status}, or failure. */
int finish(struct pd_buf *b, int status);

/* rows.c: feature rows of a PDS stream. */
struct rows_info {
	uint64_t schema_id; /* that rows must have */
	uint64_t rows;
	uint64_t t_first_us;
	uint64_t t_last_us;
	bool has_meta; /* the next three are from a header */
	enum pd_scheme scheme;
	double rate;
	uint64_t capacity;
};

/* Can features of streams sampled in these two ways be compared? */
bool schemes_match(enum pd_scheme a, enum pd_scheme b);

/*
 * rows_each(fd, name, fn, cookie, info):
 * Call fn with the 64 values of each row. Damage is reported on standard error
 * and passed over. An exit status: PD_EXIT_YES, PD_EXIT_FAIL, or
 * PD_EXIT_UNKNOWN where the stream mixes sampling schemes; all but the first
 * have been reported.
 */
int rows_each(int fd, const char *name,
    int (*fn)(void *cookie, const float *value), void *cookie,
    struct rows_info *info);

/* Open a file, or '-', so that it can be read twice: a pipe is copied to an
 * unlinked temporary file. The descriptor, or -1 with a message. */
int rows_open(const char *path, bool twice, struct pd_err *err);

#endif /* PREDIS_DRIFT_H */
