/*
 * What users of hiredis do: hiredis PORT SOCKET. Synchronous, pipelined,
 * binary, errors that leave the connection good; asynchronous over poll(2).
 * Prints ok, or where it failed.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#define PIPELINED 10000
#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(                                               \
			    stderr, "hiredis.c:%d: %s\n", __LINE__, #what);    \
			exit(1);                                               \
		}                                                              \
	} while (0)

static int
is_status(redisReply *r, const char *text)
{
	const int ok = r != NULL && r->type == REDIS_REPLY_STATUS &&
		       strcmp(r->str, text) == 0;

	freeReplyObject(r);
	return ok;
}

static int
is_int(redisReply *r, long long v)
{
	const int ok =
	    r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == v;

	freeReplyObject(r);
	return ok;
}

static int
is_error(redisReply *r, const char *start)
{
	const int ok = r != NULL && r->type == REDIS_REPLY_ERROR &&
		       strncmp(r->str, start, strlen(start)) == 0;

	freeReplyObject(r);
	return ok;
}

static int
is_bytes(redisReply *r, const char *p, size_t n)
{
	const int ok = r != NULL && r->type == REDIS_REPLY_STRING &&
		       (size_t)r->len == n && memcmp(r->str, p, n) == 0;

	freeReplyObject(r);
	return ok;
}

static void
commands(redisContext *c)
{
	static char big[1 << 20];
	redisReply *r;
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31);
	CHECK(is_status(redisCommand(c, "PING"), "PONG"));
	CHECK(is_status(redisCommand(c, "FLUSHALL"), "OK"));
	CHECK(is_status(
	    redisCommand(c, "SET %s %b", "big", big, sizeof(big)), "OK"));
	CHECK(is_bytes(redisCommand(c, "GET big"), big, sizeof(big)));
	CHECK(is_status(
	    redisCommand(c, "SET %b %s EX %d", "k\0k", (size_t)3, "v", 100),
	    "OK"));
	CHECK(is_bytes(redisCommand(c, "GET %b", "k\0k", (size_t)3), "v", 1));
	r = redisCommand(c, "GET none");
	CHECK(r != NULL && r->type == REDIS_REPLY_NIL);
	freeReplyObject(r);
	r = redisCommand(c, "MGET big none");
	CHECK(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2);
	CHECK(r->element[0]->len == sizeof(big));
	CHECK(r->element[1]->type == REDIS_REPLY_NIL);
	freeReplyObject(r);
	CHECK(is_error(redisCommand(c, "HSET h f v"), "ERR unknown command"));
	CHECK(is_error(redisCommand(c, "GET"), "ERR wrong number"));
	CHECK(is_int(redisCommand(c, "INCRBY n %d", 5), 5));
}

static void
pipeline(redisContext *c)
{
	redisReply *r;
	int i;

	for (i = 0; i < PIPELINED; i++)
		CHECK(redisAppendCommand(c, "INCR pipelined") == REDIS_OK);
	CHECK(redisAppendCommand(c, "NOSUCH") == REDIS_OK);
	CHECK(redisAppendCommand(c, "MULTI") == REDIS_OK);
	CHECK(redisAppendCommand(c, "GET pipelined") == REDIS_OK);
	CHECK(redisAppendCommand(c, "EXEC") == REDIS_OK);
	for (i = 1; i <= PIPELINED; i++) {
		CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
		CHECK(is_int(r, i));
	}
	CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
	CHECK(is_error(r, "ERR unknown command"));
	CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
	CHECK(is_status(r, "OK"));
	CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
	CHECK(is_status(r, "QUEUED"));
	CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
	CHECK(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 1);
	CHECK(strcmp(r->element[0]->str, "10000") == 0);
	freeReplyObject(r);
}

/* The smallest event loop: what the context wants, asked of poll(2). */

struct loop {
	short events;
	int replies;
	int messages;
	int over; /* disconnected */
};

static void
add_read(void *l)
{
	((struct loop *)l)->events |= POLLIN;
}

static void
del_read(void *l)
{
	((struct loop *)l)->events &= (short)~POLLIN;
}

static void
add_write(void *l)
{
	((struct loop *)l)->events |= POLLOUT;
}

static void
del_write(void *l)
{
	((struct loop *)l)->events &= (short)~POLLOUT;
}

static void
cleanup(void *l)
{
	((struct loop *)l)->events = 0;
}

static void
disconnected(const redisAsyncContext *a, int status)
{
	CHECK(status == REDIS_OK);
	((struct loop *)a->data)->over = 1;
}

static redisAsyncContext *
start(struct loop *l, int port)
{
	redisAsyncContext *a = redisAsyncConnect("127.0.0.1", port);

	CHECK(a != NULL && a->err == 0);
	memset(l, 0, sizeof(*l));
	a->data = l;
	a->ev.data = l;
	a->ev.addRead = add_read;
	a->ev.delRead = del_read;
	a->ev.addWrite = add_write;
	a->ev.delWrite = del_write;
	a->ev.cleanup = cleanup;
	redisAsyncSetDisconnectCallback(a, disconnected);
	add_write(l);
	return a;
}

/* One turn; false when nothing came for half a minute. */
static int
turn(redisAsyncContext *a, struct loop *l)
{
	struct pollfd p = {.fd = a->c.fd, .events = l->events};

	if (poll(&p, 1, 30000) <= 0)
		return 0;
	if (p.revents & (POLLIN | POLLHUP | POLLERR))
		redisAsyncHandleRead(a);
	if (!l->over && p.revents & POLLOUT)
		redisAsyncHandleWrite(a);
	return 1;
}

static void
counted(redisAsyncContext *a, void *reply, void *number)
{
	const redisReply *r = reply;
	struct loop *l = a->data;

	CHECK(r != NULL && r->type == REDIS_REPLY_INTEGER);
	CHECK(r->integer == (long long)(intptr_t)number);
	if (++l->replies == PIPELINED)
		redisAsyncDisconnect(a);
}

static void
message(redisAsyncContext *a, void *reply, void *unused)
{
	const redisReply *r = reply;
	struct loop *l = a->data;

	(void)unused;
	if (r == NULL)
		return; /* at the end */
	CHECK(r->type == REDIS_REPLY_ARRAY && r->elements == 3);
	if (strcmp(r->element[0]->str, "message") == 0) {
		CHECK(strcmp(r->element[2]->str, "hello") == 0);
		l->messages++;
		redisAsyncCommand(a, message, NULL, "UNSUBSCRIBE");
		redisAsyncDisconnect(a);
	} else {
		l->replies++;
	}
}

static void
asynchronous(redisContext *c, int port)
{
	struct loop l;
	redisAsyncContext *a = start(&l, port);
	intptr_t i;

	for (i = 1; i <= PIPELINED; i++)
		redisAsyncCommand(a, counted, (void *)i, "INCR async");
	while (!l.over)
		CHECK(turn(a, &l));
	CHECK(l.replies == PIPELINED);

	a = start(&l, port);
	redisAsyncCommand(a, message, NULL, "SUBSCRIBE news");
	while (l.replies == 0)
		CHECK(turn(a, &l));
	CHECK(is_int(redisCommand(c, "PUBLISH news hello"), 1));
	while (!l.over)
		CHECK(turn(a, &l));
	CHECK(l.messages == 1);
}

int
main(int argc, char **argv)
{
	redisContext *c;

	CHECK(argc == 3);
	c = redisConnect("127.0.0.1", atoi(argv[1]));
	CHECK(c != NULL && c->err == 0);
	commands(c);
	pipeline(c);
	asynchronous(c, atoi(argv[1]));
	redisFree(c);
	c = redisConnectUnix(argv[2]);
	CHECK(c != NULL && c->err == 0);
	CHECK(is_int(redisCommand(c, "DBSIZE"), 5));
	redisFree(c);
	puts("ok");
	return 0;
}
