/*
 * Any bytes as what one or two clients send to a server, over a socket, through
 * the loop, in pieces; the first byte says how many and how large. The server
 * must live; and where there is one client, and no command tells of time or of
 * chance, a server that is sent the same whole must answer the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../unit/cache_talk.h"

#define INPUT_MOST 20000
#define RUN_US 3000000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What would end the server, block it or touch files. */
static const char rules[] =
    "ACL SETUSER default -shutdown -debug -client|pause -save -bgsave "
    "-predis.model -config -acl -slowlog|get\r\n";

/* Answers of these differ from one run to the next. */
static const char *const unsure[] = {"px", "expire", "ttl", "time", "info",
    "random", "list", "idle", "pass", "latency", "memory", "predis", "monitor",
    "stats", "lastsave", "object", "scan", "keys", "usage", "log", "freq",
    "post", "host:", "ex "};

static bool
tells(const uint8_t *p, size_t n)
{
	size_t i, k, len;

	for (i = 0; i < sizeof(unsure) / sizeof(unsure[0]); i++) {
		len = strlen(unsure[i]);
		for (k = 0; k + len <= n; k++)
			if (strncasecmp((const char *)p + k, unsure[i], len) ==
			    0)
				return true;
	}
	return false;
}

/* Serve clients who say ${n} bytes; the first one's answer. */
static bool
serve(const uint8_t *p, size_t n, size_t piece, unsigned clients,
    struct pd_buf *heard)
{
	struct pd_server_config cfg;
	struct pd_server *s;
	struct talk t;
	unsigned i;
	bool ended;

	talk_config(&cfg);
	cfg.maxmemory = 4 << 20;
	cfg.max_value = 4096;
	cfg.output_pause = 1 << 20;
	if ((s = pd_server_new(&cfg, NULL)) == NULL)
		abort();
	talk_init(&t, s, SIZE_MAX);
	if (talk_add(&t, rules, strlen(rules)))
		abort();
	talk_run(&t, RUN_US);
	if (t.who[0].heard.len != 5 ||
	    memcmp(t.who[0].heard.data, "+OK", 3) != 0)
		abort();
	talk_release(&t);
	talk_init(&t, s, piece);
	for (i = 0; i < clients; i++)
		if (talk_add(&t, (const char *)p, n))
			abort();
	talk_run(&t, RUN_US);
	ended = t.left == 0;
	*heard = t.who[0].heard;
	t.who[0].heard = (struct pd_buf)PD_BUF_INIT;
	talk_release(&t);
	pd_server_free(s);
	return ended;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_buf whole, parts;
	unsigned clients;
	bool ended;

	if (n < 2 || n > INPUT_MOST)
		return 0;
	clients = 1 + p[0] % 2;
	ended = serve(p + 1, n - 1, 1u + p[0] / 2, clients, &parts);
	if (ended && clients == 1 && !tells(p + 1, n - 1)) {
		ended = serve(p + 1, n - 1, SIZE_MAX, 1, &whole);
		if (ended &&
		    (whole.len != parts.len ||
			(whole.len > 0 &&
			    memcmp(whole.data, parts.data, whole.len) != 0)))
			abort();
		pd_buf_release(&whole);
	}
	pd_buf_release(&parts);
	return 0;
}
