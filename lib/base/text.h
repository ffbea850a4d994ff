#ifndef PD_BASE_TEXT_H
#define PD_BASE_TEXT_H

/*
 * Bytes from outside in text for people: a terminal must not take them for
 * its controls, nor a log's reader for lines of the log.
 */

#include <stddef.h>
#include <stdint.h>

/* The length of the valid UTF-8 sequence (RFC 3629) that ${p}, of ${n} > 0
 * bytes, starts with, or 0. */
size_t pd_utf8_len(const uint8_t *p, size_t n);

/*
 * pd_text_printable(text, keep):
 * Put a '?' for every byte of ${text} that is a control character (C0 but
 * those in ${keep}, DEL, C1 as UTF-8) or no valid UTF-8.
 */
void pd_text_printable(char *text, const char *keep);

#endif /* PD_BASE_TEXT_H */
