#ifndef PD_CACHE_BELADY_H
#define PD_CACHE_BELADY_H

/*
 * Belady's offline bound (Belady, "A study of replacement algorithms for a
 * virtual-storage computer", IBM Systems Journal 1966): evict the object
 * whose next request is farthest away. No policy that fetches on demand has
 * fewer misses when all objects count 1; with sizes it is a reference point,
 * no bound. Like every policy here it stores each missed object.
 */

struct pd_err;
struct pd_sim_params;
struct pd_sim_result;
struct pd_trace;

/* As pd_sim_run() with ops NULL. */
int pd_belady_run(const struct pd_trace *t, const struct pd_sim_params *p,
    struct pd_sim_result *r, struct pd_err *err);

#endif /* PD_CACHE_BELADY_H */
