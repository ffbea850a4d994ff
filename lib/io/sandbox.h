#ifndef PD_IO_SANDBOX_H
#define PD_IO_SANDBOX_H

/*
 * Giving up rights that a running server does not need, for good and for all
 * threads that come later: files outside of named folders (Landlock), and
 * system calls that start programs, look into other processes or open
 * connections (seccomp). What is open stays open, and accept(2) goes on.
 */

#include <stdbool.h>
#include <stddef.h>

struct pd_err;

enum pd_sandbox_right {
	PD_SANDBOX_READ = 1,  /* open files below it for reading */
	PD_SANDBOX_WRITE = 2, /* make, change, rename and remove them too */
};

/* A folder, or a file. One that is not there gives no right. */
struct pd_sandbox_path {
	const char *path; /* borrowed */
	unsigned rights;  /* enum pd_sandbox_right */
};

/* What took effect. */
struct pd_sandbox {
	int landlock; /* version of the kernel's interface, 0: none */
	bool seccomp; /* system calls are filtered */
};

/*
 * pd_sandbox_enter(paths, n, box, err):
 * Enter, in the thread that calls and those that it starts. What this kernel
 * or this processor lacks is left out and not told in ${box}: that is no
 * error. 0, or -1 with a message when the kernel has it and refuses.
 */
int pd_sandbox_enter(const struct pd_sandbox_path *paths, size_t n,
    struct pd_sandbox *box, struct pd_err *err);

#endif /* PD_IO_SANDBOX_H */
