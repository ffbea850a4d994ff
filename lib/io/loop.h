#ifndef PD_IO_LOOP_H
#define PD_IO_LOOP_H

/*
 * An event loop over epoll(7): watched descriptors, timers, signals by
 * signalfd(2), and a function that runs before each wait. One loop a thread;
 * all calls come from that thread, but for pd_loop_wake(). A watch or timer
 * belongs to the caller and must stay in place until it is removed; removing
 * one from any callback is safe, its pending events are dropped.
 */

#include <stdbool.h>
#include <stdint.h>

struct pd_err;
struct pd_loop;

enum pd_loop_events {
	PD_LOOP_READ = 1,
	PD_LOOP_WRITE = 2,
};

struct pd_watch {
	int fd;
	unsigned events; /* asked for: enum pd_loop_events */
	/* Errors and hang-ups are delivered as everything asked for. */
	void (*fn)(void *cookie, unsigned ready);
	void *cookie;
};

struct pd_timer {
	uint64_t due_us; /* on pd_clock_mono_us() */
	void (*fn)(void *cookie);
	void *cookie;
	struct pd_timer *next; /* the loop's */
};

/* NULL with a message. */
struct pd_loop *pd_loop_new(struct pd_err *err);
void pd_loop_free(struct pd_loop *l);

/* Start watching; events may be 0. 0, or -1 with errno. */
int pd_loop_add(struct pd_loop *l, struct pd_watch *w);
/* Ask for other events; nothing is done when they are the same. */
int pd_loop_change(struct pd_loop *l, struct pd_watch *w, unsigned events);
/* Stop watching; call it before the descriptor is closed. */
void pd_loop_remove(struct pd_loop *l, struct pd_watch *w);

/* Call t->fn once, ${in_us} from now; it may start itself again. */
void pd_loop_timer(struct pd_loop *l, struct pd_timer *t, uint64_t in_us);
void pd_loop_untimer(struct pd_loop *l, struct pd_timer *t);

/* Block the signals of ${list} (ended by 0) and deliver them to ${fn}. */
int pd_loop_signals(struct pd_loop *l, const int *list,
    void (*fn)(void *cookie, int signo), void *cookie, struct pd_err *err);

/* Call ${fn} before each wait; true asks for a turn without waiting. */
void pd_loop_before(struct pd_loop *l, bool (*fn)(void *cookie), void *cookie);

/* Run until pd_loop_stop(). 0, or -1 with a message. */
int pd_loop_run(struct pd_loop *l, struct pd_err *err);
/* Make the loop take a turn at once if it waits: for other threads, which may
 * have left something for the function that runs before each wait. */
void pd_loop_wake(struct pd_loop *l);
void pd_loop_stop(struct pd_loop *l);

#endif /* PD_IO_LOOP_H */
