#ifndef PD_DATA_RECORDER_STATE_H
#define PD_DATA_RECORDER_STATE_H

/*
 * The account of a recorded directory, for who only looks.
 */

#include <stddef.h>

#include <jansson.h>

struct pd_err;

/* The JSON object of state.json, a new reference; also while a recorder writes
 * it. NULL with a message. */
json_t *pd_recorder_state_read(int dirfd, struct pd_err *err);

/* The same of the bytes of such a file, of any origin. */
json_t *pd_recorder_state_parse(const void *p, size_t n, struct pd_err *err);

#endif /* PD_DATA_RECORDER_STATE_H */
