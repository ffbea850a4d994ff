#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

void
pd_err_write(struct pd_err *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
}

void
pd_err_write_sys(struct pd_err *err, const char *fmt, ...)
{
	const int e = errno;
	va_list ap;
	size_t n;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(e));
	errno = e;
}

void
pd_err_write_prefix(struct pd_err *err, const char *fmt, ...)
{
	char old[PD_ERR_MAX];
	va_list ap;
	size_t n;

	if (err == NULL)
		return;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %.*s",
	    (int)(sizeof(err->msg) - n - 3), old);
}
