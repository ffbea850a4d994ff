#ifndef PD_IO_SOCK_H
#define PD_IO_SOCK_H

/*
 * Stream sockets by address text: "HOST:PORT", "[V6]:PORT", "PORT" (loopback)
 * or a path with a '/' in it (Unix socket; "unix:PATH" too).
 */

#include <stdbool.h>
#include <stdint.h>

struct pd_err;
struct sockaddr_storage;

#define PD_ADDR_MAX 280

struct pd_addr {
	bool is_unix;
	char host[PD_ADDR_MAX]; /* host, or the socket's path */
	char port[16];
};

/* Parse ${text}; ${port} is used where the text names none (NULL: an error). A
 * port is a number up to 65535 or the name of a service. What begins as a URL
 * does, SCHEME://, is an error and no path. */
int pd_addr_parse(
    struct pd_addr *a, const char *text, const char *port, struct pd_err *err);

/*
 * Listen; close-on-exec, non-blocking, backlog 511. A Unix socket's stale file
 * is removed first, and only if nothing answers on it; mode 0700 at most.
 * Returns the descriptor or -1.
 */
int pd_sock_listen(const struct pd_addr *a, struct pd_err *err);

/*
 * The same on a TCP port that several sockets of this process listen on, among
 * which the kernel divides connections (SO_REUSEPORT). With ${first} it fails
 * where somebody listens already.
 */
int pd_sock_listen_shared(
    const struct pd_addr *a, bool first, struct pd_err *err);

/* Connect, blocking, within ${timeout_ms}. The descriptor or -1. */
int pd_sock_connect(
    const struct pd_addr *a, int timeout_ms, struct pd_err *err);

/* The local port of a TCP socket, 0 for others. */
uint16_t pd_sock_port(int fd);

/* Whether an address is of this machine only: loopback, or no IP address. */
bool pd_sock_loopback(const struct sockaddr_storage *ss);

/* O_NONBLOCK on or off. 0 or -1 with errno. */
int pd_sock_nonblock(int fd, bool on);

#endif /* PD_IO_SOCK_H */
