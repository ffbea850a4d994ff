/*
 * The kernel's interfaces are used without a library: three calls of Landlock
 * (landlock(7)) and one filter of classic BPF (seccomp(2)). The filter refuses
 * by number alone, never by argument, so the kernel keeps a bitmap of what is
 * allowed and an allowed call costs one test of a bit. It lists what is
 * refused, not what is allowed: a list of what libc, OpenSSL and the
 * sanitizers call would break with their next version.
 */

#define _GNU_SOURCE /* syscall, O_PATH */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/err.h"
#include "io/sandbox.h"

/* Landlock's numbers are those of the kernel's documentation; headers of
 * Debian 12 know the first versions only. */
#define LL_CREATE 444
#define LL_ADD 445
#define LL_RESTRICT 446
#define LL_VERSION 1u	   /* flag of LL_CREATE: which version? */
#define LL_PATH_BENEATH 1u /* a kind of rule */

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_V1 ((UINT64_C(1) << 13) - 1)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_REFER (UINT64_C(1) << 13)
#define NET_BOTH UINT64_C(3)   /* bind and connect TCP */
#define SCOPE_BOTH UINT64_C(3) /* abstract sockets and signals */

struct ll_ruleset {
	uint64_t fs;
	uint64_t net;	/* from version 4 */
	uint64_t scope; /* from version 6 */
};

struct ll_path {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* What this version of Landlock can refuse. */
static struct ll_ruleset
handled(int version, size_t *size)
{
	struct ll_ruleset r = {.fs = FS_V1};

	*size = sizeof(r.fs);
	if (version >= 2)
		r.fs |= FS_REFER;
	if (version >= 3)
		r.fs |= FS_TRUNCATE;
	if (version >= 4) {
		r.net = NET_BOTH;
		*size = offsetof(struct ll_ruleset, scope);
	}
	if (version >= 6) {
		r.scope = SCOPE_BOTH;
		*size = sizeof(r);
	}
	return r;
}

static int
add_path(int set, const struct pd_sandbox_path *p, uint64_t can)
{
	struct ll_path rule = {.fd = open(p->path, O_PATH | O_CLOEXEC)};
	struct stat st;
	long r;
	int e;

	if (rule.fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -1;
	if (p->rights & PD_SANDBOX_READ)
		rule.allowed |= FS_READ_FILE | FS_READ_DIR;
	if (p->rights & PD_SANDBOX_WRITE)
		rule.allowed |= FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE |
				FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE;
	if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	rule.allowed &= can;
	r = syscall(LL_ADD, set, LL_PATH_BENEATH, &rule, 0);
	e = errno;
	close(rule.fd);
	errno = e;
	return r == 0 ? 0 : -1;
}

static int
restrict_files(const struct pd_sandbox_path *paths, size_t n,
    struct pd_sandbox *box, struct pd_err *err)
{
	const long version = syscall(LL_CREATE, NULL, 0, LL_VERSION);
	struct ll_ruleset attr;
	size_t size, i;
	int set, r = 0;

	if (version < 1)
		return 0;
	attr = handled((int)version, &size);
	if ((set = (int)syscall(LL_CREATE, &attr, size, 0)) < 0)
		return pd_err_sys(err, "cannot make a Landlock ruleset");
	for (i = 0; r == 0 && i < n; i++)
		if (add_path(set, &paths[i], attr.fs))
			r = pd_err_sys(err, "cannot allow '%s'", paths[i].path);
	if (r == 0 && syscall(LL_RESTRICT, set, 0))
		r = pd_err_sys(err, "cannot enter Landlock");
	close(set);
	if (r == 0)
		box->landlock = (int)version;
	return r;
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH
static const int refused[] = {
    /* other programs and processes */
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_personality,
    /* connections; io_uring would get around this filter */
    SYS_socket, SYS_connect, 425 /* io_uring_setup */,
    /* the machine */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
    SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_add_key, SYS_request_key,
    SYS_keyctl, SYS_settimeofday, SYS_clock_settime, SYS_open_by_handle_at,
    428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */};

#define NREFUSED (sizeof(refused) / sizeof(refused[0]))
#define X32_BIT 0x40000000u

static int
filter_calls(struct pd_sandbox *box, struct pd_err *err)
{
	struct sock_filter code[NREFUSED + 6];
	struct sock_fprog prog = {.filter = code};
	uint16_t n = 0;
	size_t i;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, arch));
	/* Another architecture's numbers: to the refusal at the end. */
	code[n++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, (uint8_t)(NREFUSED + 3));
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offsetof(struct seccomp_data, nr));
	code[n++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (uint8_t)(NREFUSED + 1), 0);
	for (i = 0; i < NREFUSED; i++)
		code[n++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			(uint32_t)refused[i], (uint8_t)(NREFUSED - i), 0);
	code[n++] =
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(
	    BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	prog.len = n;
	/* SPEC_ALLOW: else older kernels slow the whole thread down. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog)) {
		if (errno == ENOSYS || errno == EINVAL)
			return 0;
		return pd_err_sys(err, "cannot filter system calls");
	}
	box->seccomp = true;
	return 0;
}
#else
static int
filter_calls(struct pd_sandbox *box, struct pd_err *err)
{
	(void)box;
	(void)err;
	return 0;
}
#endif

int
pd_sandbox_enter(const struct pd_sandbox_path *paths, size_t n,
    struct pd_sandbox *box, struct pd_err *err)
{
	memset(box, 0, sizeof(*box));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return pd_err_sys(err, "cannot give up new privileges");
	if (restrict_files(paths, n, box, err))
		return -1;
	return filter_calls(box, err);
}
