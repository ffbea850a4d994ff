#ifndef PREDIS_SAMPLE_SCREEN_H
#define PREDIS_SAMPLE_SCREEN_H

/*
 * A report that is drawn anew again and again on a terminal: the alternate
 * screen of ANSI terminals without a cursor. The terminal is put back as it was
 * at the end, when a signal ends or stops the program, and when it goes wrong.
 */

#include <stddef.h>

/* From now on standard output is drawn on. */
void screen_begin(void);
/* Show these lines of ASCII, as far as they fit. 0, or -1 having reported. */
int screen_draw(const char *text, size_t n);
/* Put it back; nothing where it was not begun. */
void screen_end(void);

#endif /* PREDIS_SAMPLE_SCREEN_H */
