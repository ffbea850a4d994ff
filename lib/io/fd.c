#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/fd.h"

ssize_t
pd_read_some(int fd, void *p, size_t n)
{
	ssize_t r;

	do
		r = read(fd, p, n);
	while (r < 0 && errno == EINTR);
	return r;
}

ssize_t
pd_read_full(int fd, void *p, size_t n)
{
	size_t done = 0;
	ssize_t r;

	while (done < n) {
		if ((r = pd_read_some(fd, (char *)p + done, n - done)) < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int
pd_write_full(int fd, const void *p, size_t n)
{
	size_t done = 0;
	ssize_t r;

	while (done < n) {
		r = write(fd, (const char *)p + done, n - done);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		done += (size_t)r;
	}
	return 0;
}

int
pd_read_file(
    const char *path, size_t max, struct pd_buf *out, struct pd_err *err)
{
	const size_t start = out->len;
	ssize_t r = 0;
	int fd = STDIN_FILENO;

	if (strcmp(path, "-") != 0 &&
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return pd_err_sys(err, "cannot open '%s'", path);
	for (;;) {
		if (pd_buf_reserve(out, 65536)) {
			pd_err_nomem(err);
			goto err0;
		}
		r = pd_read_some(fd, out->data + out->len, 65536);
		if (r <= 0)
			break;
		out->len += (size_t)r;
		if (out->len - start > max) {
			pd_err_set(
			    err, "'%s' is larger than %zu bytes", path, max);
			goto err0;
		}
	}
	if (r < 0) {
		pd_err_sys(err, "cannot read '%s'", path);
		goto err0;
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return 0;
err0:
	if (fd != STDIN_FILENO)
		close(fd);
	return -1;
}
