/*
 * For LD_PRELOAD: tells of calls on sockets and files that a thread makes while
 * it holds a mutex, at the end, on standard error. What libc does within itself
 * (memory from the system) is not seen, nor is OpenSSL.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static _Thread_local int held;
static atomic_ulong locks, calls, bad;

static void
look(const char *name)
{
	calls++;
	if (held > 0 && bad++ < 20)
		dprintf(2, "lockwatch: %s with %d locks\n", name, held);
}

__attribute__((destructor)) static void
tell(void)
{
	dprintf(2, "lockwatch: %lu locks, %lu calls, %lu with a lock\n", locks,
	    calls, bad);
}

#define NEXT(name)                                                             \
	static __typeof__(&name) next;                                         \
	if (next == NULL)                                                      \
	next = (__typeof__(next))dlsym(RTLD_NEXT, #name)

int
pthread_mutex_lock(pthread_mutex_t *m)
{
	NEXT(pthread_mutex_lock);
	const int r = next(m);

	held += r == 0;
	locks++;
	return r;
}

int
pthread_mutex_trylock(pthread_mutex_t *m)
{
	NEXT(pthread_mutex_trylock);
	const int r = next(m);

	held += r == 0;
	locks++;
	return r;
}

int
pthread_mutex_unlock(pthread_mutex_t *m)
{
	NEXT(pthread_mutex_unlock);
	held--;
	return next(m);
}

#define WATCH(type, name, params, args)                                        \
	type name params                                                       \
	{                                                                      \
		NEXT(name);                                                    \
		look(#name);                                                   \
		return next args;                                              \
	}

WATCH(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
WATCH(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WATCH(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WATCH(ssize_t, recv, (int fd, void *p, size_t n, int f), (fd, p, n, f))
WATCH(ssize_t, send, (int fd, const void *p, size_t n, int f), (fd, p, n, f))
WATCH(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f))
WATCH(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
WATCH(int, close, (int fd), (fd))
WATCH(int, fsync, (int fd), (fd))
WATCH(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev),
    (e, op, fd, ev))
WATCH(int, epoll_wait, (int e, struct epoll_event *ev, int n, int ms),
    (e, ev, n, ms))
WATCH(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WATCH(int, eventfd_write, (int fd, eventfd_t v), (fd, v))
WATCH(int, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WATCH(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f),
    (fd, a, n, f))

int
open(const char *path, int flags, ...)
{
	NEXT(open);
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	look("open");
	return next(path, flags, mode);
}
