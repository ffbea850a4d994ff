#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "io/loop.h"

static struct pd_loop *loop;
static char order[32];
static char names[] = "abcdt"; /* cookies of timers */

static int
setup(void **state)
{
	(void)state;
	order[0] = '\0';
	loop = pd_loop_new(NULL);
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pd_loop_free(loop);
	return 0;
}

static void
run(void)
{
	assert_int_equal(pd_loop_run(loop, NULL), 0);
}

static void
note(void *cookie)
{
	strncat(order, cookie, 1);
}

static void
stop(void *cookie)
{
	note(cookie);
	pd_loop_stop(loop);
}

static void
timers_in_order(void **state)
{
	struct pd_timer a = {.fn = note, .cookie = &names[0]};
	struct pd_timer b = {.fn = note, .cookie = &names[1]};
	struct pd_timer c = {.fn = stop, .cookie = &names[2]};
	struct pd_timer d = {.fn = note, .cookie = &names[3]};

	(void)state;
	/* Far enough apart that being stopped in between does not matter. */
	pd_loop_timer(loop, &b, 400000);
	pd_loop_timer(loop, &a, 1000);
	pd_loop_timer(loop, &c, 401000);
	pd_loop_timer(loop, &d, 10000);
	pd_loop_untimer(loop, &d);
	run();
	assert_string_equal(order, "abc");
}

struct pair {
	struct pd_watch w;
	int other;
	struct pair *victim; /* removed when this one is ready */
};

static void
open_pair(
    struct pair *p, unsigned events, void (*fn)(void *cookie, unsigned ready))
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	memset(p, 0, sizeof(*p));
	p->w = (struct pd_watch){
	    .fd = fd[0], .events = events, .fn = fn, .cookie = p};
	p->other = fd[1];
	assert_int_equal(pd_loop_add(loop, &p->w), 0);
}

static void
close_pair(struct pair *p)
{
	close(p->w.fd);
	close(p->other);
}

static void
on_read(void *cookie, unsigned ready)
{
	struct pair *p = cookie;
	char c;

	assert_true(ready & PD_LOOP_READ);
	assert_int_equal(read(p->w.fd, &c, 1), 1);
	order[strlen(order)] = c;
	if (p->victim != NULL)
		pd_loop_remove(loop, &p->victim->w);
	if (c == '.')
		pd_loop_stop(loop);
}

static void
reads_what_is_there(void **state)
{
	struct pair p;

	(void)state;
	memset(order, 0, sizeof(order));
	open_pair(&p, PD_LOOP_READ, on_read);
	assert_int_equal(write(p.other, "xy.", 3), 3);
	run();
	assert_string_equal(order, "xy.");
	close_pair(&p);
}

/* Both are ready in one turn, the first removes the second. */
static void
removed_within_a_turn(void **state)
{
	struct pair a, b;

	(void)state;
	memset(order, 0, sizeof(order));
	open_pair(&a, PD_LOOP_READ, on_read);
	open_pair(&b, PD_LOOP_READ, on_read);
	a.victim = &b;
	b.victim = &a;
	assert_int_equal(write(a.other, ".", 1), 1);
	assert_int_equal(write(b.other, ".", 1), 1);
	run();
	assert_string_equal(order, ".");
	close_pair(&a);
	close_pair(&b);
}

static void
asked_for_nothing(void **state)
{
	struct pd_timer t = {.fn = stop, .cookie = &names[4]};
	struct pair p;

	(void)state;
	open_pair(&p, 0, on_read);
	assert_int_equal(write(p.other, "x", 1), 1);
	pd_loop_timer(loop, &t, 10000);
	run();
	assert_string_equal(order, "t");
	memset(order, 0, sizeof(order));
	assert_int_equal(write(p.other, ".", 1), 1);
	assert_int_equal(pd_loop_change(loop, &p.w, PD_LOOP_READ), 0);
	run();
	assert_string_equal(order, "x.");
	close_pair(&p);
}

static void
on_signal(void *cookie, int signo)
{
	*(int *)cookie = signo;
	pd_loop_stop(loop);
}

static void
signals_arrive(void **state)
{
	static const int list[] = {SIGUSR1, 0};
	int got = 0;

	(void)state;
	assert_int_equal(pd_loop_signals(loop, list, on_signal, &got, NULL), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	run();
	assert_int_equal(got, SIGUSR1);
}

static bool
count_down(void *cookie)
{
	int *n = cookie;

	if (--*n == 0)
		pd_loop_stop(loop);
	return true;
}

static void
before_each_wait(void **state)
{
	int n = 5;

	(void)state;
	pd_loop_before(loop, count_down, &n);
	run();
	assert_int_equal(n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(timers_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		reads_what_is_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		removed_within_a_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(asked_for_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(signals_arrive, setup, teardown),
	    cmocka_unit_test_setup_teardown(before_each_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
