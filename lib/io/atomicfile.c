#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "io/atomicfile.h"
#include "io/fd.h"

static void
forget(struct pd_atomicfile *f)
{
	free(f->path);
	free(f->tmp);
	*f = (struct pd_atomicfile)PD_ATOMICFILE_INIT;
}

/* The length of the folder part of a path, its '/' included. */
static size_t
folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

int
pd_atomicfile_open(struct pd_atomicfile *f, const char *path, unsigned mode,
    struct pd_err *err)
{
	const size_t dl = folder_len(path);
	const size_t n = strlen(path) + sizeof("..tmp.XXXXXX");
	mode_t um;

	*f = (struct pd_atomicfile)PD_ATOMICFILE_INIT;
	if ((f->path = strdup(path)) == NULL || (f->tmp = malloc(n)) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	snprintf(f->tmp, n, "%.*s.%s.tmp.XXXXXX", (int)dl, path, path + dl);
	if ((f->fd = mkstemp(f->tmp)) < 0) {
		pd_err_sys(err, "cannot create '%s'", path);
		goto err0;
	}
	fcntl(f->fd, F_SETFD, FD_CLOEXEC);
	um = umask(0);
	umask(um);
	if (fchmod(f->fd, (mode_t)mode & ~um)) {
		pd_err_sys(err, "cannot set the mode of '%s'", path);
		pd_atomicfile_abort(f);
		return -1;
	}
	return 0;
err0:
	forget(f);
	return -1;
}

static int
sync_folder(const char *path)
{
	const size_t dl = folder_len(path);
	char *dir;
	int fd, r;

	if ((dir = dl ? strndup(path, dl) : strdup(".")) == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	close(fd);
	/* Some file systems cannot sync a folder; that is not our failure. */
	return r && errno != EINVAL && errno != ENOTSUP ? -1 : 0;
}

int
pd_atomicfile_commit(struct pd_atomicfile *f, struct pd_err *err)
{
	int fd = f->fd;

	if (fsync(fd) && errno != EINVAL && errno != ENOTSUP)
		goto err0;
	f->fd = -1;
	if (close(fd))
		goto err0;
	if (rename(f->tmp, f->path))
		goto err0;
	if (sync_folder(f->path)) {
		pd_err_sys(err, "cannot sync the folder of '%s'", f->path);
		forget(f);
		return -1;
	}
	forget(f);
	return 0;
err0:
	pd_err_sys(err, "cannot write '%s'", f->path);
	pd_atomicfile_abort(f);
	return -1;
}

void
pd_atomicfile_abort(struct pd_atomicfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp != NULL)
		unlink(f->tmp);
	forget(f);
}

int
pd_atomicfile_write(const char *path, const void *p, size_t n, unsigned mode,
    struct pd_err *err)
{
	struct pd_atomicfile f;

	if (pd_atomicfile_open(&f, path, mode, err))
		return -1;
	if (pd_write_full(f.fd, p, n)) {
		pd_err_sys(err, "cannot write '%s'", path);
		pd_atomicfile_abort(&f);
		return -1;
	}
	return pd_atomicfile_commit(&f, err);
}
