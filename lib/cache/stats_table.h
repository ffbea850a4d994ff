/*
 * The counters of a server: X(name, kind, unit, help). The single source of
 * struct pd_stats, of INFO and of PREDIS.STATS. No include guard: included
 * where X is defined.
 */
X(commands_processed, PD_COUNTER, "", "commands executed")
X(connections_received, PD_COUNTER, "", "connections accepted")
X(connections_rejected, PD_COUNTER, "", "connections refused")
X(connections_dropped, PD_COUNTER, "", "clients closed for a limit")
X(net_input_bytes, PD_COUNTER, "bytes", "bytes read from clients")
X(net_output_bytes, PD_COUNTER, "bytes", "bytes written to clients")
X(protocol_errors, PD_COUNTER, "", "clients closed for a protocol error")
X(error_replies, PD_COUNTER, "", "error replies")
X(auth_failures, PD_COUNTER, "", "wrong passwords")
X(hits, PD_COUNTER, "", "reads that found their key")
X(misses, PD_COUNTER, "", "reads that did not")
X(fills, PD_COUNTER, "", "writes that completed the miss before them")
X(writes, PD_COUNTER, "", "keys written, fills included")
X(deleted, PD_COUNTER, "", "keys deleted")
X(expired, PD_COUNTER, "", "keys expired")
X(evicted, PD_COUNTER, "", "keys evicted")
X(evicted_bytes, PD_COUNTER, "bytes", "memory of evicted keys")
X(refused_large, PD_COUNTER, "", "values refused for their size")
X(refused_memory, PD_COUNTER, "", "writes refused for want of memory")
X(model_loads, PD_COUNTER, "", "models loaded")
X(model_load_failures, PD_COUNTER, "", "models refused; the old one stayed")
X(policy_switches, PD_COUNTER, "", "eviction policies switched")
X(tap_sampled, PD_COUNTER, "", "events sampled for the tap")
X(tap_lost, PD_COUNTER, "", "sampled events dropped, ring or client full")
