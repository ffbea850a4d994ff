#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#define LINKS_MAX 40 /* symbolic links, as Linux has it */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

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

/*
 * Where a chain of symbolic links ends, which need not exist. A string that
 * the caller frees, or NULL with errno.
 */
static char *
follow(const char *path)
{
	char *at = strdup(path), *next, link[PATH_MAX];
	size_t dl, size;
	ssize_t n;
	int i;

	for (i = 0; at != NULL && i < LINKS_MAX; i++) {
		if ((n = readlink(at, link, sizeof(link) - 1)) < 0)
			return at;
		link[n] = '\0';
		dl = link[0] == '/' ? 0 : folder_len(at);
		size = dl + (size_t)n + 1;
		if ((next = malloc(size)) != NULL)
			snprintf(next, size, "%.*s%s", (int)dl, at, link);
		free(at);
		at = next;
	}
	free(at);
	errno = at == NULL ? ENOMEM : ELOOP;
	return NULL;
}

/* Is ${name} a temporary of the file ${base}? */
static bool
is_temporary(const char *name, const char *base)
{
	const size_t n = strlen(base);

	return name[0] == '.' && strncmp(name + 1, base, n) == 0 &&
	       strncmp(name + 1 + n, ".tmp.", 5) == 0 &&
	       strlen(name + 6 + n) == 6 && strspn(name + 6 + n, LETTERS) == 6;
}

/*
 * Remove a temporary that nobody writes: who does holds a lock on it. Where
 * there are no locks, it stays.
 */
static void
remove_unheld(int dir, const char *name)
{
	struct stat st;
	int fd;

	fd = openat(dir, name,
	    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
	close(fd);
}

/* Remove what killed programs left beside ${path}; failures do not matter. */
static void
remove_leftovers(const char *path)
{
	const size_t dl = folder_len(path);
	struct dirent *e;
	char *dir;
	DIR *d;

	if ((dir = dl ? strndup(path, dl) : strdup(".")) == NULL)
		return;
	d = opendir(dir);
	free(dir);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (is_temporary(e->d_name, path + dl))
			remove_unheld(dirfd(d), e->d_name);
	closedir(d);
}

/* A pipe or a device is written as it is, it is never replaced. */
static int
open_special(struct pd_atomicfile *f, mode_t type, struct pd_err *err)
{
	if (S_ISDIR(type))
		return pd_err_set(
		    err, "cannot create '%s': it is a folder", f->path);
	if (S_ISSOCK(type))
		return pd_err_set(
		    err, "cannot create '%s': it is a socket", f->path);
	f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (f->fd < 0)
		return pd_err_sys(err, "cannot open '%s'", f->path);
	return 0;
}

/*
 * Make the temporary and hold a lock on it until it is renamed. Somebody who
 * looks for leftovers may have removed it before it was held: then again.
 */
static int
make_held(char *tmp)
{
	const size_t x = strlen(tmp) - 6;
	int fd;

	for (;;) {
		memcpy(tmp + x, "XXXXXX", 6);
		if ((fd = mkstemp(tmp)) < 0)
			return -1;
		while (flock(fd, LOCK_EX) && errno == EINTR)
			continue;
		if (access(tmp, F_OK) == 0 || errno != ENOENT)
			return fd;
		close(fd);
	}
}

static int
open_temporary(struct pd_atomicfile *f, unsigned mode, struct pd_err *err)
{
	const size_t dl = folder_len(f->path);
	const size_t n = strlen(f->path) + sizeof("..tmp.XXXXXX");
	mode_t um;

	if ((f->tmp = malloc(n)) == NULL)
		return pd_err_nomem(err);
	snprintf(
	    f->tmp, n, "%.*s.%s.tmp.XXXXXX", (int)dl, f->path, f->path + dl);
	if ((f->fd = make_held(f->tmp)) < 0) {
		pd_err_sys(err, "cannot create '%s'", f->path);
		free(f->tmp); /* there is nothing to remove */
		f->tmp = NULL;
		return -1;
	}
	fcntl(f->fd, F_SETFD, FD_CLOEXEC);
	um = umask(0);
	umask(um);
	if (fchmod(f->fd, (mode_t)mode & ~um))
		return pd_err_sys(err, "cannot set the mode of '%s'", f->path);
	remove_leftovers(f->path);
	return 0;
}

int
pd_atomicfile_open(struct pd_atomicfile *f, const char *path, unsigned mode,
    struct pd_err *err)
{
	struct stat st = {0};
	const bool there = stat(path, &st) == 0;
	const bool special = there && !S_ISREG(st.st_mode);

	*f = (struct pd_atomicfile)PD_ATOMICFILE_INIT;
	if (!there && errno != ENOENT)
		return pd_err_sys(err, "cannot create '%s'", path);
	if ((f->path = special ? strdup(path) : follow(path)) == NULL)
		return pd_err_sys(err, "cannot create '%s'", path);
	if (special ? open_special(f, st.st_mode, err)
		    : open_temporary(f, mode, err)) {
		pd_atomicfile_abort(f);
		return -1;
	}
	return 0;
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
	const int fd = f->fd;
	int held, r;

	/* Pipes and most devices have nothing to sync. */
	if (fsync(fd) && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
		goto err0;
	/* Closing may tell of a failure, but the lock stays until the end. */
	held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	f->fd = -1;
	r = close(fd);
	f->fd = held;
	if (r || (f->tmp != NULL && rename(f->tmp, f->path)))
		goto err0;
	if (held >= 0)
		close(held);
	if (f->tmp != NULL && sync_folder(f->path)) {
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

int
pd_atomicfile_check(const char *path, struct pd_err *err)
{
	struct pd_atomicfile f = PD_ATOMICFILE_INIT;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode))
		return 0;
	if (pd_atomicfile_open(&f, path, 0600, err) == -1)
		return -1;
	pd_atomicfile_abort(&f);
	return 0;
}
