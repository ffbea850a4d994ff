#ifndef PD_DATA_KAFKA_PRIV_H
#define PD_DATA_KAFKA_PRIV_H

/*
 * Blocks as messages of Apache Kafka, by librdkafka (KAFKA=1): one block a
 * message. Its key is the stream_id (16 hexadecimal digits), so a stream stays
 * in order in one partition; its headers are q (seq, decimal) and h (the header
 * of its stream).
 */

#include "data/transport_priv.h"

/* librdkafka's rd_kafka_t and rd_kafka_conf_t: its header may be absent. */
struct rd_kafka_s;
struct rd_kafka_conf_s;

/* A client, a producer or a consumer, with the settings ${kv} (name, value,
 * ..., NULL) and then those of the file that the options name; ${conf} may come
 * with callbacks and is taken over. NULL with a message. */
struct rd_kafka_s *pd_kafka_client(bool producer,
    const struct pd_carrier_env *env, struct rd_kafka_conf_s *conf,
    const char *const *kv, struct pd_err *err);
/* Does the error (rd_kafka_resp_err_t) pass by itself? */
bool pd_kafka_passes(int e);

/* The receiver, kafka_in.c. */
void *pd_kafka_receiver(struct pd_carrier_env *env, struct pd_err *err);
int pd_kafka_next(
    void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err);
int pd_kafka_ack(
    void *c, const struct pd_place *p, size_t n, struct pd_err *err);
void pd_kafka_receiver_close(void *c);

#endif /* PD_DATA_KAFKA_PRIV_H */
