/*
 * Streams over a message broker: send puts every block of its input into one
 * message, receive writes the messages' blocks one after another. Blocks
 * travel as they are; damage stays behind.
 */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/kafka.h"
#include "io/fd.h"
#include "sample.h"

static const char *to_address;
static const char *from_address;
static bool follow;
static uint64_t timeout_us = 10000000;

#define TIMEOUT_OPT                                                            \
	{                                                                      \
		0, "timeout", "TIME", PD_OPT_DURATION, &timeout_us, NULL,      \
		    "how long to wait for the brokers (10s)"                   \
	}

const struct pd_opt sample_send_opts[] = {
    {0, "to", "ADDRESS", PD_OPT_STR, &to_address, NULL,
	"kafka://BROKER[:PORT][,...]/TOPIC"},
    TIMEOUT_OPT,
    PD_OPT_END,
};

const struct pd_opt sample_receive_opts[] = {
    {0, "from", "ADDRESS", PD_OPT_STR, &from_address, NULL,
	"kafka://BROKER[:PORT][,...]/TOPIC"},
    {0, "follow", NULL, PD_OPT_FLAG, &follow, NULL,
	"wait for more at the end of the topic"},
    TIMEOUT_OPT,
    PD_OPT_END,
};

#if PD_KAFKA

/* The input as it came, from the offset ${base} on, beside the reader. */
struct raw {
	struct pd_buf bytes;
	uint64_t base;
};

/* Send the blocks that are whole. 0 when more input is wanted, or -1. */
static int
send_blocks(struct pd_kafka_out *k, struct pd_pds_reader *r, struct raw *raw,
    struct pd_err *err)
{
	struct pd_pds_block b;
	uint64_t at;
	int rc;

	while ((rc = pd_pds_next(r, &b, err)) == PD_PDS_GOT) {
		at = b.offset - raw->base;
		if (pd_kafka_out_send(k, raw->bytes.data + at, b.size, err))
			return -1;
		pd_buf_consume(&raw->bytes, at + b.size);
		raw->base = b.offset + b.size;
	}
	return rc < 0 ? -1 : 0;
}

/* 0, 1 when something was damaged, -1 having reported. */
static int
send_one(struct pd_kafka_out *k, const char *path)
{
	struct raw raw = {PD_BUF_INIT, 0};
	struct pd_pds_reader *r = pd_pds_reader_new();
	const struct pd_pds_damage *list;
	struct pd_err err = PD_ERR_INIT;
	const int fd = sample_open(path);
	struct pd_pds_stats s;
	size_t kept;
	ssize_t n = -1;

	if (fd < 0 || r == NULL)
		goto out;
	do {
		if (pd_buf_reserve(&raw.bytes, 1 << 18)) {
			n = pd_err_nomem(&err);
			break;
		}
		n = pd_read_some(fd, raw.bytes.data + raw.bytes.len, 1 << 18);
		if (n < 0) {
			(void)pd_err_sys(
			    &err, "cannot read '%s'", sample_name(path));
			break;
		}
		raw.bytes.len += (size_t)n;
		if (pd_pds_reader_feed(r,
			raw.bytes.data + raw.bytes.len - (size_t)n,
			(size_t)n) ||
		    send_blocks(k, r, &raw, &err)) {
			n = -1;
			break;
		}
	} while (n > 0);
	if (n < 0)
		pd_cli_fail(&err);
	pd_pds_reader_stats(r, &s);
	kept = pd_pds_damage(r, &list);
	if (n == 0 && sample_note_damage(sample_name(path), &s, list, kept))
		n = 1;
out:
	pd_pds_reader_free(r);
	pd_buf_release(&raw.bytes);
	if (fd >= 0)
		close(fd);
	return (int)n;
}

int
sample_send(int argc, char **argv)
{
	static char dash[] = "-";
	static char *standard_input[] = {dash};
	struct pd_err err = PD_ERR_INIT;
	struct pd_kafka_out *k;
	int rc = 0, one;

	if (to_address == NULL)
		return pd_cli_usage("send needs --to");
	if ((k = pd_kafka_out_open(to_address, &err)) == NULL)
		return pd_cli_fail(&err);
	if (argc == 0) {
		argc = 1;
		argv = standard_input;
	}
	for (int i = 0; i < argc && rc >= 0; i++) {
		one = send_one(k, argv[i]);
		rc = one < 0 ? -1 : rc | one;
	}
	if (pd_kafka_out_close(k, (int)(timeout_us / 1000), &err))
		return pd_cli_fail(&err);
	return rc < 0 ? PD_EXIT_FAIL : rc > 0 ? PD_EXIT_NO : PD_EXIT_YES;
}

int
sample_receive(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_kafka_in *k;
	int got = -1;

	(void)argc;
	(void)argv;
	if (from_address == NULL)
		return pd_cli_usage("receive needs --from");
	if (isatty(STDOUT_FILENO))
		return pd_cli_failf("a stream is not for a terminal: "
				    "redirect standard output");
	k = pd_kafka_in_open(
	    from_address, follow, (int)(timeout_us / 1000), &err);
	if (k == NULL)
		return pd_cli_fail(&err);
	pd_cli_catch_signals();
	while (!pd_cli_stopping()) {
		got = pd_kafka_in_next(k, &b, 200, &err);
		if (got <= 0)
			break;
		if (pd_cli_out(b.data, b.len)) {
			got = -1;
			break;
		}
		pd_buf_clear(&b);
	}
	pd_kafka_in_close(k);
	pd_buf_release(&b);
	if (got < 0)
		return err.msg[0] ? pd_cli_fail(&err) : PD_EXIT_FAIL;
	return PD_EXIT_YES;
}

#else

int
sample_send(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return pd_cli_failf("built without Kafka: make KAFKA=1");
}

int
sample_receive(int argc, char **argv)
{
	return sample_send(argc, argv);
}

#endif
