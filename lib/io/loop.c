#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "io/loop.h"

#define BATCH 256
#define WAIT_MAX_MS 1000

struct pd_loop {
	int epfd;
	bool stop;
	struct epoll_event ready[BATCH]; /* the turn under way */
	int nready;
	int at;			 /* the one being delivered */
	struct pd_timer *timers; /* by due time */
	bool (*before)(void *cookie);
	void *before_cookie;
	struct pd_watch wakes;
	struct pd_watch signals;
	void (*on_signal)(void *cookie, int signo);
	void *signal_cookie;
};

/* Somebody wants a turn; taking it is all there is to do. */
static void
on_wake(void *cookie, unsigned ready)
{
	struct pd_loop *l = cookie;
	eventfd_t n;

	(void)ready;
	eventfd_read(l->wakes.fd, &n);
}

static int
open_wakes(struct pd_loop *l)
{
	if ((l->wakes.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
		return -1;
	l->wakes.events = PD_LOOP_READ;
	l->wakes.fn = on_wake;
	l->wakes.cookie = l;
	return pd_loop_add(l, &l->wakes);
}

struct pd_loop *
pd_loop_new(struct pd_err *err)
{
	struct pd_loop *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	l->signals.fd = l->wakes.fd = -1;
	if ((l->epfd = epoll_create1(EPOLL_CLOEXEC)) < 0 || open_wakes(l)) {
		pd_err_sys(err, "cannot create an event loop");
		pd_loop_free(l);
		return NULL;
	}
	return l;
}

void
pd_loop_free(struct pd_loop *l)
{
	if (l == NULL)
		return;
	if (l->signals.fd >= 0)
		close(l->signals.fd);
	if (l->wakes.fd >= 0)
		close(l->wakes.fd);
	if (l->epfd >= 0)
		close(l->epfd);
	free(l);
}

static uint32_t
to_epoll(unsigned events)
{
	return (events & PD_LOOP_READ ? (uint32_t)EPOLLIN : 0) |
	       (events & PD_LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static int
control(struct pd_loop *l, int op, struct pd_watch *w)
{
	struct epoll_event ev = {.events = to_epoll(w->events)};

	ev.data.ptr = w;
	return epoll_ctl(l->epfd, op, w->fd, &ev);
}

int
pd_loop_add(struct pd_loop *l, struct pd_watch *w)
{
	return control(l, EPOLL_CTL_ADD, w);
}

int
pd_loop_change(struct pd_loop *l, struct pd_watch *w, unsigned events)
{
	if (w->events == events)
		return 0;
	w->events = events;
	return control(l, EPOLL_CTL_MOD, w);
}

void
pd_loop_remove(struct pd_loop *l, struct pd_watch *w)
{
	int i;

	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	for (i = l->at; i < l->nready; i++)
		if (l->ready[i].data.ptr == w)
			l->ready[i].data.ptr = NULL;
}

void
pd_loop_timer(struct pd_loop *l, struct pd_timer *t, uint64_t in_us)
{
	struct pd_timer **p = &l->timers;

	t->due_us = pd_clock_mono_us() + in_us;
	while (*p != NULL && (*p)->due_us <= t->due_us)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

void
pd_loop_untimer(struct pd_loop *l, struct pd_timer *t)
{
	struct pd_timer **p;

	for (p = &l->timers; *p != NULL; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			return;
		}
}

static void
read_signals(void *cookie, unsigned ready)
{
	struct pd_loop *l = cookie;
	struct signalfd_siginfo si;

	(void)ready;
	while (read(l->signals.fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		l->on_signal(l->signal_cookie, (int)si.ssi_signo);
}

int
pd_loop_signals(struct pd_loop *l, const int *list,
    void (*fn)(void *cookie, int signo), void *cookie, struct pd_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *list != 0; list++)
		sigaddset(&set, *list);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return pd_err_sys(err, "cannot block signals");
	l->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signals.fd < 0)
		return pd_err_sys(err, "cannot create a signal descriptor");
	l->signals.events = PD_LOOP_READ;
	l->signals.fn = read_signals;
	l->signals.cookie = l;
	l->on_signal = fn;
	l->signal_cookie = cookie;
	if (pd_loop_add(l, &l->signals))
		return pd_err_sys(err, "cannot watch signals");
	return 0;
}

void
pd_loop_before(struct pd_loop *l, bool (*fn)(void *cookie), void *cookie)
{
	l->before = fn;
	l->before_cookie = cookie;
}

/* Milliseconds to wait: 0 when a timer is due. */
static int
wait_ms(const struct pd_loop *l)
{
	uint64_t now, us;

	if (l->timers == NULL)
		return WAIT_MAX_MS;
	now = pd_clock_mono_us();
	if (l->timers->due_us <= now)
		return 0;
	us = l->timers->due_us - now + 999;
	return us / 1000 > WAIT_MAX_MS ? WAIT_MAX_MS : (int)(us / 1000);
}

static void
run_timers(struct pd_loop *l)
{
	const uint64_t now = l->timers != NULL ? pd_clock_mono_us() : 0;
	struct pd_timer *t;

	while ((t = l->timers) != NULL && t->due_us <= now) {
		l->timers = t->next;
		t->fn(t->cookie);
	}
}

static void
deliver(struct pd_loop *l)
{
	struct pd_watch *w;
	unsigned events, ready;

	for (l->at = 0; l->at < l->nready; l->at++) {
		if ((w = l->ready[l->at].data.ptr) == NULL)
			continue;
		events = l->ready[l->at].events;
		ready = (events & EPOLLIN ? PD_LOOP_READ : 0) |
			(events & EPOLLOUT ? PD_LOOP_WRITE : 0);
		if (events & (EPOLLERR | EPOLLHUP))
			ready |= w->events ? w->events : PD_LOOP_READ;
		w->fn(w->cookie, ready);
	}
	l->nready = 0;
}

int
pd_loop_run(struct pd_loop *l, struct pd_err *err)
{
	bool busy;

	l->stop = false;
	while (!l->stop) {
		busy = l->before != NULL && l->before(l->before_cookie);
		if (l->stop)
			break;
		l->nready =
		    epoll_wait(l->epfd, l->ready, BATCH, busy ? 0 : wait_ms(l));
		if (l->nready < 0) {
			l->nready = 0;
			if (errno != EINTR)
				return pd_err_sys(err, "cannot wait for input");
		}
		deliver(l);
		run_timers(l);
	}
	return 0;
}

void
pd_loop_stop(struct pd_loop *l)
{
	l->stop = true;
}

void
pd_loop_wake(struct pd_loop *l)
{
	eventfd_write(l->wakes.fd, 1);
}
