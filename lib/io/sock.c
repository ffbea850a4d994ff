#define _DEFAULT_SOURCE /* SO_REUSEPORT */

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "io/sock.h"

#define BACKLOG 511
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int
copy_part(char *dst, size_t cap, const char *p, size_t n, const char *text,
    struct pd_err *err)
{
	if (n >= cap)
		return pd_err_set(err, "address '%s' is too long", text);
	memcpy(dst, p, n);
	dst[n] = '\0';
	return 0;
}

/* The resolver takes -1 and 70000 and cuts them to 16 bits: only digits up to
 * 65535, or the name of a service, which has a letter. */
static int
check_port(const char *port, const char *text, struct pd_err *err)
{
	uint64_t n;

	if (strcspn(port, LETTERS) < strlen(port))
		return 0;
	if (strspn(port, "0123456789") != strlen(port) ||
	    pd_parse_u64(port, &n, NULL) || n > UINT16_MAX)
		return pd_err_set(err,
		    "address '%s': port '%s' is not a number from 0 to 65535",
		    text, port);
	return 0;
}

/* Length of the scheme of SCHEME://REST (RFC 3986, 3.1), 0 when there is
 * none. */
static size_t
scheme_of(const char *text)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	const size_t n = strspn(text, letters);

	return strncmp(text + n, "://", 3) == 0 ? n : 0;
}

int
pd_addr_parse(
    struct pd_addr *a, const char *text, const char *port, struct pd_err *err)
{
	const char *colon, *end, *host = text;
	size_t n;

	memset(a, 0, sizeof(*a));
	if ((n = scheme_of(text)) > 0)
		return pd_err_set(err, "address '%s': unknown scheme '%.*s'",
		    text, (int)n, text);
	if (strncmp(text, "unix:", 5) == 0 || strchr(text, '/') != NULL) {
		a->is_unix = true;
		text += strncmp(text, "unix:", 5) == 0 ? 5 : 0;
		return copy_part(
		    a->host, sizeof(a->host), text, strlen(text), text, err);
	}
	if (text[0] == '[') {
		if ((end = strchr(text, ']')) == NULL ||
		    (end[1] != ':' && end[1] != '\0'))
			return pd_err_set(
			    err, "address '%s' lacks its ']'", text);
		host = text + 1;
		n = (size_t)(end - host);
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if ((colon = strrchr(text, ':')) != NULL) {
		n = (size_t)(colon - text);
	} else if (text[0] != '\0' &&
		   strspn(text, "0123456789") == strlen(text)) {
		host = "127.0.0.1";
		n = strlen(host);
		colon = text - 1;
	} else {
		n = strlen(text);
	}
	if (colon != NULL)
		port = colon + 1;
	if (port == NULL || port[0] == '\0' || n == 0)
		return pd_err_set(err,
		    "address '%s' is not HOST:PORT or a path with a '/'", text);
	if (copy_part(a->host, sizeof(a->host), host, n, text, err) ||
	    check_port(port, text, err))
		return -1;
	return copy_part(
	    a->port, sizeof(a->port), port, strlen(port), text, err);
}

int
pd_sock_nonblock(int fd, bool on)
{
	const int fl = fcntl(fd, F_GETFL);

	if (fl < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? fl | O_NONBLOCK : fl & ~O_NONBLOCK);
}

static int
unix_addr(const struct pd_addr *a, struct sockaddr_un *sun, struct pd_err *err)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(a->host) >= sizeof(sun->sun_path))
		return pd_err_set(err, "socket path '%s' is too long", a->host);
	memcpy(sun->sun_path, a->host, strlen(a->host) + 1);
	return 0;
}

/* Wait for a non-blocking connect. 0, or -1 with errno. */
static int
finish_connect(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int r, e = 0;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		errno = ETIMEDOUT;
	if (r <= 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len))
		return -1;
	errno = e;
	return e ? -1 : 0;
}

static int
try_connect(
    int family, const struct sockaddr *sa, socklen_t len, int timeout_ms)
{
	int fd, e;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, sa, len) &&
	    (errno != EINPROGRESS || finish_connect(fd, timeout_ms))) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	if (pd_sock_nonblock(fd, false)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
resolve(const struct pd_addr *a, int flags, struct addrinfo **res,
    struct pd_err *err)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int r;

	hints.ai_flags = flags;
	r = getaddrinfo(a->host, a->port, &hints, res);
	if (r != 0)
		return pd_err_set(err, "cannot resolve '%s:%s': %s", a->host,
		    a->port, gai_strerror(r));
	return 0;
}

int
pd_sock_connect(const struct pd_addr *a, int timeout_ms, struct pd_err *err)
{
	struct addrinfo *res, *ai;
	struct sockaddr_un sun;
	int fd = -1, one = 1;

	if (a->is_unix) {
		if (unix_addr(a, &sun, err))
			return -1;
		fd = try_connect(
		    AF_UNIX, (struct sockaddr *)&sun, sizeof(sun), timeout_ms);
		if (fd < 0)
			pd_err_sys(err, "cannot connect to '%s'", a->host);
		return fd;
	}
	if (resolve(a, 0, &res, err))
		return -1;
	for (ai = res; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = try_connect(
		    ai->ai_family, ai->ai_addr, ai->ai_addrlen, timeout_ms);
	if (fd < 0)
		pd_err_sys(err, "cannot connect to '%s:%s'", a->host, a->port);
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	freeaddrinfo(res);
	return fd;
}

static int
listen_unix(const struct pd_addr *a, struct pd_err *err)
{
	struct sockaddr_un sun;
	struct stat st;
	mode_t um;
	int fd, r;

	if (unix_addr(a, &sun, err))
		return -1;
	if (lstat(a->host, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return pd_err_set(err,
			    "cannot listen on '%s': it is a %s, not a socket",
			    a->host, S_ISDIR(st.st_mode) ? "folder" : "file");
		fd = try_connect(
		    AF_UNIX, (struct sockaddr *)&sun, sizeof(sun), 1000);
		if (fd >= 0) {
			close(fd);
			return pd_err_set(err,
			    "socket '%s' is in use by another process",
			    a->host);
		}
		unlink(a->host);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return pd_err_sys(err, "cannot create a socket");
	um = umask(077);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(um);
	if (r || listen(fd, BACKLOG)) {
		pd_err_sys(err, "cannot listen on '%s'", a->host);
		close(fd);
		return -1;
	}
	return fd;
}

/* A listening socket on one address; -1 with errno. */
static int
listen_on(const struct addrinfo *ai, bool shared)
{
	const int one = 1;
	int e;
	const int fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if ((!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
			    sizeof(one)) == 0) &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

static int
listen_tcp(const struct pd_addr *a, bool shared, struct pd_err *err)
{
	struct addrinfo *res, *ai;
	int fd = -1, e = 0;

	if (resolve(a, AI_PASSIVE, &res, err))
		return -1;
	for (ai = res; ai != NULL && fd < 0; ai = ai->ai_next)
		if ((fd = listen_on(ai, shared)) < 0)
			e = errno;
	freeaddrinfo(res);
	errno = e;
	if (fd < 0)
		pd_err_sys(err, "cannot listen on '%s:%s'", a->host, a->port);
	return fd;
}

int
pd_sock_listen(const struct pd_addr *a, struct pd_err *err)
{
	return a->is_unix ? listen_unix(a, err) : listen_tcp(a, false, err);
}

int
pd_sock_listen_shared(const struct pd_addr *a, bool first, struct pd_err *err)
{
	int fd;

	/* Sockets of other processes of this user could share it too. */
	if (first) {
		if ((fd = listen_tcp(a, false, err)) < 0)
			return -1;
		close(fd);
	}
	return listen_tcp(a, true, err);
}

uint16_t
pd_sock_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return 0;
	if (ss.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return 0;
}

bool
pd_sock_loopback(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in *in4 = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		return ntohl(in4->sin_addr.s_addr) >> 24 == 127;
	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
			   in6->sin6_addr.s6_addr[12] == 127);
	return true;
}
