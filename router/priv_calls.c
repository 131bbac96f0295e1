/*
 * The list of system calls that a running gateway makes, and what happens with others.
 *
 * A call that is not on the list raises SIGSYS in its thread, whether it is blocked elsewhere or
 * not; the handler names the call and ends the process with that same signal. A list that lacks
 * something is seen at once that way, where an error code would come out as some other fault.
 *
 * libseccomp allocates memory for the name. It may in this handler: what the allocator itself asks
 * of the kernel is on the list, so that the call cannot have been one of its own.
 */
#include "router/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_backend.h"

#ifndef PR_SET_VMA /* since Linux 5.17 */
#define PR_SET_VMA 0x53564d41
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { CALLS_MOST = 18 };

static const struct {
	const char *why;
	unsigned int needs; /* any of these */
	const char *calls[CALLS_MOST];
} allowed[] = {
	{ "packets", PRIV_ALWAYS,
	  { "read", "write", "readv", "writev", "recvfrom", "recvmsg", "recvmmsg", "sendto",
	    "sendmsg", "sendmmsg", "getsockopt" } },
	{ "batches of packets to and from TUN and TAP devices", PRIV_URING,
	  { "io_uring_setup", "io_uring_enter", "io_uring_register" } },
	{ "waiting, and waking others", PRIV_ALWAYS,
	  { "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_ctl",
	    "epoll_create1", "eventfd2", "timerfd_create", "timerfd_settime", "futex",
	    "sched_yield", "nanosleep", "clock_nanosleep", "restart_syscall" } },
	{ "clocks and randomness, where they take a call", PRIV_ALWAYS,
	  { "clock_gettime", "gettimeofday", "time", "clock_getres", "getrandom" } },
	{ "memory: of listings, of what a reload makes, of rings with the kernel", PRIV_ALWAYS,
	  { "brk", "munmap", "mremap", "madvise" } },
	{ "readers of what is replaced (liburcu)", PRIV_ALWAYS, { "membarrier" } },
	{ "the control socket, netlink, collectors, devices that come back", PRIV_ALWAYS,
	  { "bind", "connect", "accept", "accept4", "getsockname", "getpeername", "setsockopt",
	    "shutdown", "ioctl", "fcntl", "close" } },
	{ "the configuration, net.ipv4.ip_local_port_range, what libraries look up", PRIV_ALWAYS,
	  { "open", "openat", "fstat", "stat", "lstat", "newfstatat", "statx", "lseek", "pread64",
	    "access", "faccessat", "faccessat2", "statfs", "getdents64", "readlink", "readlinkat",
	    "getcwd" } },
	{ "the end of the control socket", PRIV_ALWAYS, { "unlink", "unlinkat" } },
	{ "who and where we are", PRIV_ALWAYS,
	  { "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "capget",
	    "uname", "sysinfo", "sched_getaffinity", "getcpu", "prlimit64", "getrlimit" } },
	{ "threads that end, the process that undoes things, signals", PRIV_ALWAYS,
	  { "exit", "exit_group", "wait4", "waitid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	    "sigaltstack", "tgkill", "set_robust_list", "rseq" } },
	{ "programs that steer or take packets", PRIV_STEERING | PRIV_XDP,
	  { "bpf", "dup3", "memfd_create", "setrlimit" } },
	{ "devices in other network namespaces", PRIV_NETNS, { "setns" } },
};

/* What libraries and newer C libraries try first, and do without on a kernel that lacks it, as this one
 * is made to look. */
static const char *const lacking[] = {
	"openat2", "epoll_pwait2", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue",
	"process_madvise", "mseal", "map_shadow_stack", "get_mempolicy",
};

/* Those whose arguments matter. Names of threads and of memory say nothing to others. Domains are what
 * the gateway talks in; memory is not both made and executed: what is loaded by libraries, late, is
 * refused. */
static const int domains[] = { AF_UNIX, AF_NETLINK, AF_INET, AF_INET6, AF_PACKET, AF_XDP };
static const char *const mapping_calls[] = { "mmap", "mprotect" };
static const int names[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_VMA };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void forbidden(int number, siginfo_t *call, void *context)
{
	static const char nameless[] = "?";
	char *name = seccomp_syscall_resolve_num_arch(call->si_arch, call->si_syscall);
	char line[256];

	(void)context;
	int len = snprintf(line, sizeof(line),
			   "router: system call %s (%d) is not on the list (router/priv_calls.c): "
			   "ended; seccomp = false does without the list\n",
			   name ? name : nameless, call->si_syscall);
	if (write(STDERR_FILENO, line, (size_t)len) != len)
		_exit(EXIT_FAILURE);
	signal(number, SIG_DFL);
	raise(number); /* when the handler returns */
}

static int name_offenders(void)
{
	struct sigaction action = { .sa_sigaction = forbidden, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

/* What this processor does not have, or libseccomp does not know, is no fault. */
static int answer(scmp_filter_ctx filter, uint32_t verdict, const char *name)
{
	int call = seccomp_syscall_resolve_name(name);

	return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, verdict, call, 0);
}

static int allow_calls(scmp_filter_ctx filter, unsigned int needs)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(allowed); i++)
		for (size_t j = 0; r >= 0 && allowed[i].needs & needs && j < CALLS_MOST &&
				   allowed[i].calls[j]; j++)
			r = answer(filter, SCMP_ACT_ALLOW, allowed[i].calls[j]);
	for (size_t i = 0; r >= 0 && i < COUNT(lacking); i++)
		r = answer(filter, SCMP_ACT_ERRNO(ENOSYS), lacking[i]);
	return r;
}

/* What happens with a call of which an argument, as far as the mask goes, has this value. */
static int judge(scmp_filter_ctx filter, uint32_t verdict, int call, const struct scmp_arg_cmp *is)
{
	return seccomp_rule_add_array(filter, verdict, call, 1, is);
}

/* Its first argument, an int, is one of these. */
static int allow_with(scmp_filter_ctx filter, int call, const int *first, size_t count)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		const struct scmp_arg_cmp is = { .arg = 0, .op = SCMP_CMP_MASKED_EQ,
						 .datum_a = UINT32_MAX,
						 .datum_b = (uint64_t)first[i] };

		r = judge(filter, SCMP_ACT_ALLOW, call, &is);
	}
	return r;
}

static int allow_memory(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp is = { .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT(mapping_calls); i++) {
		int call = seccomp_syscall_resolve_name(mapping_calls[i]);

		is.datum_b = 0;
		r = judge(filter, SCMP_ACT_ALLOW, call, &is);
		is.datum_b = PROT_EXEC;
		if (r >= 0)
			r = judge(filter, SCMP_ACT_ERRNO(EACCES), call, &is);
	}
	return r;
}

static int load(scmp_filter_ctx filter, unsigned int needs)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	/* The kernel tells the audit log as well, where there is one. */
	if (r >= 0)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (r >= 0)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r >= 0)
		r = allow_calls(filter, needs);
	if (r >= 0)
		r = allow_with(filter, SCMP_SYS(socket), domains, COUNT(domains));
	if (r >= 0)
		r = allow_with(filter, SCMP_SYS(prctl), names, COUNT(names));
	if (r >= 0)
		r = allow_memory(filter);
	if (r >= 0)
		r = name_offenders();
	return r >= 0 ? seccomp_load(filter) : r;
}

int priv_filter_for(unsigned int needs, struct io_error *error)
{
	scmp_filter_ctx filter;
	int r;

	if (SANITIZED)
		return 0;
	filter = seccomp_init(SCMP_ACT_TRAP);
	r = filter ? load(filter, needs) : -ENOMEM;
	if (filter)
		seccomp_release(filter);
	if (r >= 0)
		return 0;
	return io_refuse(error, r,
			 "seccomp: the kernel does not take the filter (%s): it needs "
			 "CONFIG_SECCOMP_FILTER, or seccomp = false", strerror(-r));
}

int priv_filter(const struct conf *c, struct io_error *error)
{
	return c->seccomp ? priv_filter_for(priv_needs(c), error) : 0;
}
