#ifndef PD_BASE_ERR_H
#define PD_BASE_ERR_H

/*
 * Error messages into a buffer that the caller owns. A library function that
 * can fail takes a struct pd_err * (NULL: the caller does not care), leaves it
 * alone on success, and on failure writes one complete sentence into it
 * without a full stop: what failed first, the subject in single quotes, the
 * reason last. Functions of lib/ never print and never exit.
 */

#include <stdarg.h>

#define PD_ERR_MAX 512

struct pd_err {
	char msg[PD_ERR_MAX]; /* empty when nothing failed */
};

/* A struct pd_err with no message in it. */
#define PD_ERR_INIT                                                            \
	{                                                                      \
		{                                                              \
			0                                                      \
		}                                                              \
	}

/* What a failing function returns. */
static inline int
pd_failed(void)
{
	return -1;
}

/*
 * pd_err_set(err, fmt, ...):
 * Write a message (truncated to PD_ERR_MAX - 1 bytes) into ${err}, which may
 * be NULL. Its value is -1, so that `return pd_err_set(...)` reads well. (The
 * macros show that value to compilers and analysers.)
 */
#define pd_err_set(...) (pd_err_write(__VA_ARGS__), pd_failed())

/*
 * pd_err_sys(err, fmt, ...):
 * As pd_err_set(), with ": " and the text of errno after the message.
 */
#define pd_err_sys(...) (pd_err_write_sys(__VA_ARGS__), pd_failed())

/*
 * pd_err_prefix(err, fmt, ...):
 * Put a context and ": " in front of the message that ${err} holds. -1.
 */
#define pd_err_prefix(...) (pd_err_write_prefix(__VA_ARGS__), pd_failed())

/* pd_err_nomem(err): "out of memory". -1. */
#define pd_err_nomem(err) pd_err_set((err), "out of memory")

void pd_err_write(struct pd_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pd_err_write_sys(struct pd_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pd_err_write_prefix(struct pd_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* PD_BASE_ERR_H */
