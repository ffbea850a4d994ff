#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "io/fd.h"
#include "io/spool.h"

int
pd_spool(int fd, struct pd_err *err)
{
	const char *dir = getenv("TMPDIR");
	char path[4096], buf[65536];
	ssize_t n;
	int out;

	if (snprintf(path, sizeof(path), "%s/predis.XXXXXX",
		dir != NULL && dir[0] != '\0' ? dir : "/tmp") >=
	    (int)sizeof(path))
		return pd_err_set(err, "TMPDIR is too long");
	if ((out = mkstemp(path)) < 0)
		return pd_err_sys(err, "cannot create '%s'", path);
	unlink(path);
	while ((n = pd_read_some(fd, buf, sizeof(buf))) > 0)
		if (pd_write_full(out, buf, (size_t)n)) {
			pd_err_sys(err, "cannot write a temporary file");
			goto err0;
		}
	if (n < 0 || lseek(out, 0, SEEK_SET) != 0) {
		pd_err_sys(err, "cannot copy the input");
		goto err0;
	}
	return out;
err0:
	close(out);
	return -1;
}
