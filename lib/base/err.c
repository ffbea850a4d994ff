#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int
pd_err_set(struct pd_err *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int
pd_err_sys(struct pd_err *err, const char *fmt, ...)
{
	const int e = errno;
	va_list ap;
	size_t n;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(e));
	errno = e;
	return -1;
}

int
pd_err_nomem(struct pd_err *err)
{
	return pd_err_set(err, "out of memory");
}

int
pd_err_prefix(struct pd_err *err, const char *fmt, ...)
{
	char old[PD_ERR_MAX];
	va_list ap;
	size_t n;

	if (err == NULL)
		return -1;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %.*s",
	    (int)(sizeof(err->msg) - n - 3), old);
	return -1;
}
