/* What a running gateway may not do: the filter of system calls, and what a configuration needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/priv.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FILTERS = false };
#elif defined(__has_feature)
enum { FILTERS = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) };
#else
enum { FILTERS = true };
#endif

static void call_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void call_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void call_setns(void)
{
	setns(-1, 0);
}

static void call_socket(void)
{
	if (socket(AF_BLUETOOTH, SOCK_RAW, 0) < 0)
		return;
}

/* Filtered after it has begun, with its signals blocked as those of a worker are. */
static void *exec_when_told(void *argument)
{
	char octet;

	if (read(*(int *)argument, &octet, 1) == 1)
		call_exec();
	return NULL;
}

/* NULL: in another thread. */
static const struct { const char *name; void (*call)(void); } forbidden[] = {
	{ "execve", call_exec }, { "ptrace", call_ptrace }, { "setns", call_setns },
	{ "socket", call_socket }, { "execve", NULL },
};

static void start_thread(int *from)
{
	sigset_t all;
	pthread_t thread;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	if (pthread_create(&thread, NULL, exec_when_told, from))
		_exit(1);
}

/* In a process of its own; it does not return from the call. */
static void offend(size_t i, int to)
{
	struct io_error error;
	int ends[2];

	dup2(to, STDERR_FILENO);
	if (pipe(ends) < 0)
		_exit(1);
	if (!forbidden[i].call)
		start_thread(&ends[0]);
	if (priv_filter_for(PRIV_ALWAYS, &error) < 0)
		_exit(2);
	if (forbidden[i].call)
		forbidden[i].call();
	else if (write(ends[1], "", 1) == 1)
		poll(NULL, 0, -1);
	_exit(3);
}

/* What sanitizers ask of the kernel is theirs to know. */
static void assert_no_filter(void)
{
	struct io_error error;

	assert_int_equal(priv_filter_for(PRIV_ALWAYS, &error), 0);
	assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}

static void forbidden_calls_end_the_process(void **state)
{
	(void)state;
	if (!FILTERS) {
		assert_no_filter();
		return;
	}
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		char said[512] = "", wanted[64];
		int ends[2], status;

		assert_int_equal(pipe(ends), 0);
		pid_t process = fork();
		if (process == 0)
			offend(i, ends[1]);
		close(ends[1]);
		assert_int_equal(waitpid(process, &status, 0), process);
		assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
		close(ends[0]);
		snprintf(wanted, sizeof(wanted), "router: system call %s (", forbidden[i].name);
		assert_memory_equal(said, wanted, strlen(wanted));
		assert_non_null(strstr(said, "seccomp = false"));
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* What is refused, and does not end it: memory to be executed, and what libraries only try. Returns 0,
 * or the line. */
static int run_filtered(void)
{
	struct io_error error;
	void *memory;

	if (priv_filter_for(PRIV_ALWAYS, &error) < 0)
		return __LINE__;
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return __LINE__;
	if (mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0 || errno != EACCES)
		return __LINE__;
	if (munmap(memory, 4096) < 0 || socket(AF_UNIX, SOCK_STREAM, 0) < 0)
		return __LINE__;
	if (prctl(PR_SET_NAME, "filtered", 0, 0, 0) < 0)
		return __LINE__;
	/* libraries take another way then */
	if (syscall(SYS_openat2, -1, "", NULL, 0) == 0 || errno != ENOSYS)
		return __LINE__;
	return 0;
}

static void nothing_new_is_executed(void **state)
{
	int status;

	(void)state;
	if (!FILTERS) {
		assert_no_filter();
		return;
	}
	pid_t process = fork();
	if (process == 0)
		_exit(run_filtered() & 0xff);
	assert_int_equal(waitpid(process, &status, 0), process);
	assert_int_equal(status, 0);
}

static void needs_follow_from_the_configuration(void **state)
{
	static char netns[] = "guest";
	static const struct {
		struct conf_interface interface;
		uint16_t workers;
		unsigned int needs;
	} cases[] = {
		{ { .type = IO_MEM }, 2, PRIV_ALWAYS },
		{ { .type = IO_TUN }, 1, PRIV_ALWAYS | PRIV_DEVICES },
		{ { .type = IO_TUN, .io_uring = true, .netns = netns }, 1,
		  PRIV_ALWAYS | PRIV_DEVICES | PRIV_URING | PRIV_NETNS },
		{ { .type = IO_PACKET }, 2,
		  PRIV_ALWAYS | PRIV_DEVICES | PRIV_PACKETS | PRIV_STEERING },
		{ { .type = IO_XDP }, 1,
		  PRIV_ALWAYS | PRIV_DEVICES | PRIV_PACKETS | PRIV_XDP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_interface n = cases[i].interface;
		const struct conf c = { .interfaces = &n, .interface_count = 1, .steering = true,
					.workers = cases[i].workers };

		assert_int_equal(priv_needs(&c), cases[i].needs);
	}
}

/* Whoever may write to its directory may have put something else in the place of the socket. */
static void only_the_socket_is_given_away(void **state)
{
	static char user[] = "nobody";
	char directory[] = "/tmp/router-priv-XXXXXX", file[64], path[64];
	struct conf c = { .user = user, .control = path };
	struct io_error error;
	struct stat s;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/file", directory);
	snprintf(path, sizeof(path), "%s/control", directory);
	assert_int_equal(mknod(file, S_IFREG | 0600, 0), 0);
	assert_int_equal(symlink(file, path), 0);
	pid_t process = fork();
	if (process == 0)
		_exit(priv_drop(&c, &error) != 0);
	assert_int_equal(waitpid(process, &status, 0), process);
	assert_int_equal(status, 0);
	assert_int_equal(stat(file, &s), 0);
	assert_int_equal(s.st_uid, 0);
	unlink(path);
	unlink(file);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_socket_is_given_away),
		cmocka_unit_test(forbidden_calls_end_the_process),
		cmocka_unit_test(nothing_new_is_executed),
		cmocka_unit_test(needs_follow_from_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
