#ifndef PD_DATA_SEGMENT_READ_H
#define PD_DATA_SEGMENT_READ_H

/*
 * A recorded directory as one stream of bytes: its segments one after another,
 * in order of name, those that grow as far as they are.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pd_err;
struct pd_pds_reader;
struct pd_segment_reader;

/* Is there a directory of this name? */
bool pd_segment_reader_is_dir(const char *path);
/* The segments of ${dir} that may have records of [from_us, to_us]. NULL with a
 * message, also where ${dir} holds no segment at all. */
struct pd_segment_reader *pd_segment_reader_open(
    const char *dir, uint64_t from_us, uint64_t to_us, struct pd_err *err);
/* NULL is fine. */
void pd_segment_reader_close(struct pd_segment_reader *s);
/* A reader of their blocks, to be freed before ${s} is closed, which does not
 * miss the end markers of segments that grow. NULL: out of memory. */
struct pd_pds_reader *pd_segment_reader_blocks(struct pd_segment_reader *s);
/* Bytes in all, as they were at the beginning. */
uint64_t pd_segment_reader_total(const struct pd_segment_reader *s);

#endif /* PD_DATA_SEGMENT_READ_H */
