#ifndef PD_DATA_LOGFIELD_H
#define PD_DATA_LOGFIELD_H

/*
 * The fields that text can have of an access, by name, and the event that
 * their values make.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "data/import_text.h"
#include "data/sizes.h"

struct pd_err;
struct pd_event;

enum pd_log_field {
	PD_LOG_TIME,
	PD_LOG_KEY,
	PD_LOG_OP,
	PD_LOG_HIT,
	PD_LOG_SIZE,
	PD_LOG_TTL,
	PD_LOG_LATENCY,
	PD_LOG_NS,
	PD_LOG_CLIENT,
	PD_LOG_REQUEST, /* "GET /path HTTP/1.1": key and op */
	PD_LOG_STATUS,	/* of HTTP: with 206, 304 ... the size says nothing */
	PD_LOG_FIELDS,
	PD_LOG_SKIP = PD_LOG_FIELDS,
};

/* How a value is to be read. */
struct pd_log_spec {
	enum pd_log_field field;
	int form;	/* of time, units, keys; 0 the default */
	char words[64]; /* that mean a hit, "A|B"; "" the usual ones */
};

/* ${name} is "size" or "latency:ms"; 0, or -1 with a message. An empty name
 * is PD_LOG_SKIP. */
int pd_log_spec_parse(
    struct pd_log_spec *s, const char *name, size_t n, struct pd_err *err);

/* The values of one record. n is 0 where it says nothing. */
struct pd_log_values {
	struct pd_text_field v[PD_LOG_FIELDS];
	const struct pd_log_spec *spec[PD_LOG_FIELDS]; /* with n > 0 */
	bool quoted[PD_LOG_FIELDS];		       /* backslashes escape */
};

/* Put a value in, unless its field has one already, or it is "-". */
void pd_log_values_put(struct pd_log_values *v, const struct pd_log_spec *s,
    struct pd_text_field text, bool quoted);

/* What making events remembers. All zero at first. */
struct pd_log_state {
	enum pd_timeunit unit; /* of times that do not say; PD_TIME_OWN */
	uint64_t records;
	bool told_hit; /* the last one did */
	struct pd_buf key;
	struct pd_sizes sizes;
};

enum pd_log_result { PD_LOG_REJECT, PD_LOG_IGNORE, PD_LOG_EVENT };

/*
 * pd_log_event(st, v, e, key, why, what):
 * One enum pd_log_result, or -1 out of memory. With PD_LOG_REJECT ${why} is
 * the reason and ${what} the text that it is about. The key is borrowed until
 * the next call.
 */
int pd_log_event(struct pd_log_state *st, const struct pd_log_values *v,
    struct pd_event *e, struct pd_import_key *key, const char **why,
    struct pd_text_field *what);

#endif /* PD_DATA_LOGFIELD_H */
