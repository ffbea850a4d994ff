#ifndef PD_DATA_KAFKA_H
#define PD_DATA_KAFKA_H

/*
 * A PDS stream over Apache Kafka, by librdkafka: one message holds one or more
 * whole gzip members or frames, so every message can be read alone. Built with
 * KAFKA=1 only. The producer is idempotent and waits for all replicas; the
 * messages of one stream carry one key and so stay in order in one partition.
 *
 * Addresses: kafka://BROKER[:PORT][,BROKER[:PORT]...]/TOPIC
 */

#include <stdbool.h>
#include <stddef.h>

struct pd_buf;
struct pd_err;
struct pd_kafka_out;
struct pd_kafka_in;

/* Does ${address} start with kafka://? */
bool pd_kafka_is_address(const char *address);

/* Connect lazily; a wrong address is an error, an absent broker is one when
 * sending. NULL with a message. */
struct pd_kafka_out *pd_kafka_out_open(const char *address, struct pd_err *err);
/* Queue ${n} bytes (copied) as one message; blocks while the queue is full.
 * 0, or -1 with the reason, also that of an earlier message. */
int pd_kafka_out_send(
    struct pd_kafka_out *k, const void *p, size_t n, struct pd_err *err);
/* Wait up to ${timeout_ms} until every message is acknowledged, then free.
 * 0, or -1: some were not delivered (their number is in the message). NULL is
 * fine. */
int pd_kafka_out_close(
    struct pd_kafka_out *k, int timeout_ms, struct pd_err *err);

/*
 * pd_kafka_in_open(address, follow, timeout_ms, err):
 * Read every partition of the topic from its beginning; with ${follow} go on
 * at the end, else stop there. Waits up to ${timeout_ms} for the brokers.
 */
struct pd_kafka_in *pd_kafka_in_open(
    const char *address, bool follow, int timeout_ms, struct pd_err *err);
/*
 * pd_kafka_in_next(k, out, timeout_ms, err):
 * Append the next message to ${out}: 1; 0 at the end; 2 when nothing came
 * within ${timeout_ms}; -1 with a message.
 */
int pd_kafka_in_next(struct pd_kafka_in *k, struct pd_buf *out, int timeout_ms,
    struct pd_err *err);
void pd_kafka_in_close(struct pd_kafka_in *k);

#endif /* PD_DATA_KAFKA_H */
