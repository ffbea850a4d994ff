/*
 * kvload [OPTION...] WHAT ADDRESS: a client that asks a cache many times, in
 * RESP or in the text protocol of memcached, so that servers that do not speak
 * the same can be asked the same. One thread; a connection sends a batch when
 * the batch before is answered. Keys are "key:" and twelve digits.
 *
 * WHAT: get, set, mget (ten keys) of random keys; aside (GET, and SET of what
 * missed); load (SET of every key once, in order); ping (one connection, one
 * after another); stall (likewise with INFO cpu, until SIGTERM or all of -n).
 *
 *	-c N	connections (50)	-P N	requests a batch (1)
 *	-n N	requests (100000)	-r N	keys (100000)
 *	-d N	bytes a value (100)	-e N	seconds to live, 0 for ever (0)
 *	-z S	share of the i-th key ~ i^-S (0: all alike)	-f N first key
 *	-s N	seed (1)		-m	memcached's protocol
 *	-p PID	tell the processor time of this process
 *
 * Prints one JSON object. cpu_ns is what the process used between the first
 * request and the last reply. Of stall, longest_cpu_ns is the most that it used
 * between the moment when it was asked and that when it read its own clock: how
 * long its loop was at something else, whatever else the machine was doing.
 */

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "base/rng.h"
#include "io/fd.h"
#include "io/sock.h"

#define MAX_CONNS 1024
#define MAX_BATCH 1024
#define MAX_VALUE (1u << 20)
#define MGET 10
#define INPUT 65536 /* no reply has a longer line */

enum what { GET, SET, MULTI, ASIDE, LOAD, PING, STALL, WHATS };

static const char *const whats[WHATS] = {
    "get", "set", "mget", "aside", "load", "ping", "stall"};

/* A request is head, keys between before and after, tail. */
struct form {
	const char *head, *before, *after;
	struct pd_buf tail;
};

struct asked {
	bool get;
	uint64_t key;
};

struct conn {
	int fd;
	size_t have;	 /* bytes of ${in} */
	uint64_t skip;	 /* of a value, still to come */
	uint64_t pieces; /* of an array, still to come */
	unsigned values; /* so far in this reply of memcached */
	unsigned n, answered;
	struct asked asked[MAX_BATCH];
	uint64_t fill[MAX_BATCH]; /* keys that missed */
	unsigned nfill;
	char in[INPUT];
};

static struct {
	enum what what;
	bool memcached;
	double exponent;
	uint64_t conns, batch, requests, keys, first, value, ttl, seed, pid;
} opt = {.conns = 50,
    .batch = 1,
    .requests = 100000,
    .keys = 100000,
    .value = 100,
    .seed = 1};

static struct {
	struct conn *conn;
	struct pd_rng rng;
	struct form get, set;
	struct pd_buf out;
	uint64_t left, next, gets, sets, misses, errors, longest;
} run;

static volatile sig_atomic_t stopped;

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void
die(const char *what)
{
	fprintf(stderr, "kvload: %s\n", what);
	exit(2);
}

/* Processor time of the process that is watched, all threads. */
static uint64_t
cpu_ns(void)
{
	struct timespec t = {0, 0};
	clockid_t id;

	if (opt.pid > 0 && (clock_getcpuclockid((pid_t)opt.pid, &id) != 0 ||
			       clock_gettime(id, &t) != 0))
		die("no such process");
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A key; skewed, the popular ones lie anywhere. */
static uint64_t
draw(void)
{
	const double e = 1 - opt.exponent, n = (double)opt.keys + 1;
	double u;

	if (opt.exponent <= 0)
		return opt.first + pd_rng_below(&run.rng, (uint32_t)opt.keys);
	u = pd_rng_double(&run.rng);
	u = fabs(e) < 1e-9 ? exp(u * log(n))
			   : pow(1 + u * (pow(n, e) - 1), 1 / e);
	return opt.first + (uint64_t)u * 2654435761u % opt.keys; /* a prime */
}

static void
forms(void)
{
	struct pd_buf *t = &run.set.tail;
	unsigned i;

	if (opt.memcached) {
		run.get = (struct form){"get", " ", "", PD_BUF_INIT};
		run.set = (struct form){"set", " ", "", PD_BUF_INIT};
		pd_buf_add(&run.get.tail, "\r\n", 2);
		pd_buf_printf(t, " 0 %llu %llu\r\n",
		    (unsigned long long)opt.ttl, (unsigned long long)opt.value);
	} else {
		run.get =
		    (struct form){opt.what == MULTI ? "*11\r\n$4\r\nMGET\r\n"
						    : "*2\r\n$3\r\nGET\r\n",
			"$16\r\n", "\r\n", PD_BUF_INIT};
		run.set = (struct form){
		    opt.ttl ? "*5\r\n$3\r\nSET\r\n" : "*3\r\n$3\r\nSET\r\n",
		    "$16\r\n", "\r\n", PD_BUF_INIT};
		pd_buf_printf(t, "$%llu\r\n", (unsigned long long)opt.value);
	}
	for (i = 0; i < opt.value; i++)
		pd_buf_add(t, "x", 1);
	pd_buf_add(t, "\r\n", 2);
	if (opt.ttl > 0 && !opt.memcached) {
		char digits[24];

		pd_buf_printf(t, "$2\r\nEX\r\n$%d\r\n%s\r\n",
		    snprintf(digits, sizeof(digits), "%llu",
			(unsigned long long)opt.ttl),
		    digits);
	}
}

static void
add_key(const struct form *f, uint64_t key)
{
	char text[16] = "key:";
	int i;

	for (i = 15; i >= 4; i--, key /= 10)
		text[i] = (char)('0' + key % 10);
	pd_buf_add(&run.out, f->before, strlen(f->before));
	pd_buf_add(&run.out, text, sizeof(text));
	pd_buf_add(&run.out, f->after, strlen(f->after));
}

static void
add_request(bool get, uint64_t key)
{
	const struct form *f = get ? &run.get : &run.set;
	int i;

	pd_buf_add(&run.out, f->head, strlen(f->head));
	add_key(f, key);
	for (i = 1; opt.what == MULTI && i < MGET; i++)
		add_key(f, draw());
	pd_buf_add(&run.out, f->tail.data, f->tail.len);
}

/* Send the next batch; nothing when all has been asked. */
static void
ask(struct conn *c)
{
	struct asked *a;

	pd_buf_clear(&run.out);
	c->answered = 0;
	for (c->n = 0; c->n < opt.batch; c->n++) {
		a = &c->asked[c->n];
		if (c->nfill > 0) {
			*a = (struct asked){false, c->fill[--c->nfill]};
		} else if (run.left > 0) {
			run.left--;
			a->get = opt.what != SET && opt.what != LOAD;
			a->key =
			    opt.what == LOAD ? opt.first + run.next++ : draw();
		} else {
			break;
		}
		*(a->get ? &run.gets : &run.sets) += 1;
		add_request(a->get, a->key);
	}
	if (run.out.failed || pd_write_full(c->fd, run.out.data, run.out.len))
		die("cannot send");
}

/* A reply, or a piece of an array, is complete. */
static void
answer(struct conn *c, bool miss)
{
	const struct asked *a = &c->asked[c->answered];

	run.misses += miss;
	if (c->pieces > 0 && --c->pieces > 0)
		return;
	if (c->answered >= c->n)
		die("a reply that nobody asked for");
	if (miss && opt.what == ASIDE)
		c->fill[c->nfill++] = a->key;
	c->answered++;
}

/* A line of a reply in RESP. */
static void
line_resp(struct conn *c, const char *l)
{
	const long long n = strtoll(l + 1, NULL, 10);

	if (*l == '*' && n > 0) {
		c->pieces = (uint64_t)n;
		return;
	}
	run.errors += *l == '-';
	if (*l == '$' && n >= 0)
		c->skip = (uint64_t)n + 2;
	else
		answer(c, *l == '$' || *l == '_');
}

/* A line of a reply of memcached: VALUE key flags bytes, END, STORED. */
static void
line_memcached(struct conn *c, const char *l)
{
	const unsigned want = opt.what == MULTI ? MGET : 1;
	const char *p = l;
	int i;

	if (strncmp(l, "VALUE ", 6) == 0) {
		for (i = 0; i < 3 && p != NULL; i++)
			p = strchr(p + 1, ' ');
		c->skip = p == NULL ? 2 : strtoull(p, NULL, 10) + 2;
		c->values++;
		return;
	}
	i = strcmp(l, "END") == 0;
	run.errors += !i && strcmp(l, "STORED") != 0;
	if (i && c->values + 1 < want)
		run.misses += want - 1 - c->values;
	answer(c, i && c->values < want);
	c->values = 0;
}

/* Take what came; true when the batch is answered. */
static bool
take(struct conn *c)
{
	size_t at = 0, n;
	char *end;

	while (at < c->have) {
		if (c->skip > 0) {
			n = c->skip < c->have - at ? (size_t)c->skip
						   : c->have - at;
			at += n;
			if ((c->skip -= n) == 0 && !opt.memcached)
				answer(c, false);
			continue;
		}
		end = memchr(c->in + at, '\n', c->have - at);
		if (end == NULL)
			break;
		end[-(end > c->in + at)] = '\0';
		if (opt.memcached)
			line_memcached(c, c->in + at);
		else
			line_resp(c, c->in + at);
		at = (size_t)(end + 1 - c->in);
	}
	memmove(c->in, c->in + at, c->have -= at);
	return c->answered == c->n;
}

static void
receive(struct conn *c)
{
	const ssize_t n =
	    pd_read_some(c->fd, c->in + c->have, sizeof(c->in) - c->have);

	if (n <= 0)
		die("the server closed a connection");
	c->have += (size_t)n;
}

static void
play(void)
{
	struct pollfd p[MAX_CONNS];
	size_t i, open = opt.conns;

	run.left = opt.what == LOAD ? opt.keys : opt.requests;
	for (i = 0; i < opt.conns; i++) {
		p[i] = (struct pollfd){run.conn[i].fd, POLLIN, 0};
		ask(&run.conn[i]);
		if (run.conn[i].n == 0)
			p[i].fd = -1, open--;
	}
	while (open > 0 && !stopped) {
		if (poll(p, (nfds_t)opt.conns, -1) < 0 && errno != EINTR)
			die("poll failed");
		for (i = 0; i < opt.conns; i++) {
			if (p[i].fd < 0 || p[i].revents == 0)
				continue;
			receive(&run.conn[i]);
			if (!take(&run.conn[i]))
				continue;
			ask(&run.conn[i]);
			if (run.conn[i].n == 0)
				p[i].fd = -1, open--;
		}
	}
}

/* A small request, and its reply: a line, or a bulk string. */
static void
talk(struct conn *c, const char *text)
{
	size_t whole = 0;
	char *end;

	if (pd_write_full(c->fd, text, strlen(text)))
		die("cannot send");
	for (c->have = 0; whole == 0 || c->have < whole;) {
		if (c->have + 1 >= sizeof(c->in))
			die("a reply without end");
		receive(c);
		end = memchr(c->in, '\n', c->have);
		if (whole == 0 && end != NULL)
			whole =
			    (size_t)(end + 1 - c->in) +
			    (*c->in == '$' ? strtoul(c->in + 1, NULL, 10) + 2
					   : 0);
	}
	c->in[c->have - 1] = '\0';
	run.gets++;
}

static void
ping(void)
{
	for (run.left = opt.requests; run.left > 0; run.left--)
		talk(&run.conn[0], opt.memcached ? "version\r\n" : "PING\r\n");
}

/* Seconds of a field of INFO, in ns. */
static double
info_ns(const char *reply, const char *name)
{
	const char *p = strstr(reply, name);

	if (p == NULL)
		die("INFO does not tell the processor's time");
	return strtod(p + strlen(name), NULL) * 1e9;
}

static void
stall(void)
{
	struct conn *c = &run.conn[0];
	double before, took;

	for (run.left = opt.requests; run.left > 0 && !stopped; run.left--) {
		before = (double)cpu_ns();
		talk(c, "INFO cpu\r\n");
		took = info_ns(c->in, "used_cpu_sys:") +
		       info_ns(c->in, "used_cpu_user:") - before;
		if (took > (double)run.longest)
			run.longest = (uint64_t)took;
	}
}

static void
open_all(const char *address)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_addr a;
	size_t i;

	if (pd_addr_parse(&a, address, NULL, &err))
		die(err.msg);
	if ((run.conn = calloc(opt.conns, sizeof(*run.conn))) == NULL)
		die("no memory");
	for (i = 0; i < opt.conns; i++)
		if ((run.conn[i].fd = pd_sock_connect(&a, 10000, &err)) < 0)
			die(err.msg);
}

static void
options(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	uint64_t *to;
	int o;

	while ((o = getopt(argc, argv, "c:P:n:r:d:e:z:f:s:p:m")) != -1) {
		to = o == 'c'	? &opt.conns
		     : o == 'P' ? &opt.batch
		     : o == 'n' ? &opt.requests
		     : o == 'r' ? &opt.keys
		     : o == 'd' ? &opt.value
		     : o == 'e' ? &opt.ttl
		     : o == 'f' ? &opt.first
		     : o == 's' ? &opt.seed
		     : o == 'p' ? &opt.pid
				: NULL;
		if (o == 'm')
			opt.memcached = true;
		else if (o == '?' ||
			 (to == NULL
				 ? pd_parse_double(optarg, &opt.exponent, &err)
				 : pd_parse_u64(optarg, to, &err)))
			die(o == '?' ? "see the head of kvload.c" : err.msg);
	}
	if (argc - optind != 2)
		die("wanted: WHAT ADDRESS");
	while (opt.what < WHATS && strcmp(argv[optind], whats[opt.what]) != 0)
		opt.what++;
	if (opt.what == PING || opt.what == STALL)
		opt.conns = 1;
	if (opt.what == WHATS || opt.conns - 1 >= MAX_CONNS ||
	    opt.batch - 1 >= MAX_BATCH || opt.keys - 1 >= UINT32_MAX ||
	    opt.value > MAX_VALUE || (opt.what == STALL && opt.pid == 0))
		die("out of range");
}

int
main(int argc, char **argv)
{
	uint64_t cpu, wall;

	options(argc, argv);
	signal(SIGTERM, stop);
	signal(SIGPIPE, SIG_IGN);
	open_all(argv[optind + 1]);
	pd_rng_init(&run.rng, opt.seed);
	forms();
	cpu = cpu_ns();
	wall = pd_clock_mono_us();
	if (opt.what == PING)
		ping();
	else if (opt.what == STALL)
		stall();
	else
		play();
	printf("{\"what\":\"%s\",\"gets\":%llu,\"sets\":%llu,\"misses\":%llu,"
	       "\"errors\":%llu,\"cpu_ns\":%llu,\"longest_cpu_ns\":%llu,"
	       "\"wall_us\":%llu}\n",
	    whats[opt.what], (unsigned long long)run.gets,
	    (unsigned long long)run.sets, (unsigned long long)run.misses,
	    (unsigned long long)run.errors,
	    (unsigned long long)(cpu_ns() - cpu),
	    (unsigned long long)run.longest,
	    (unsigned long long)(pd_clock_mono_us() - wall));
	return run.errors > 0;
}
