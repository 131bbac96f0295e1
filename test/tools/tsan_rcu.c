/*
 * What liburcu promises, told to ThreadSanitizer, which does not see into the library: what a reader did
 * before a quiescent state has happened before a synchronize_rcu() of later returns. The linker puts
 * these between the library and who calls it (Makefile, RCU_CALLS).
 */
#include <sanitizer/tsan_interface.h>

static char readers;

#define READER(name)                                                                               \
	void __real_##name(void);                                                                  \
	void __wrap_##name(void);                                                                  \
	void __wrap_##name(void)                                                                   \
	{                                                                                          \
		__tsan_release(&readers);                                                          \
		__real_##name();                                                                   \
	}

READER(urcu_qsbr_quiescent_state)
READER(urcu_qsbr_thread_offline)
READER(urcu_qsbr_unregister_thread)

void __real_urcu_qsbr_synchronize_rcu(void);
void __wrap_urcu_qsbr_synchronize_rcu(void);
void __wrap_urcu_qsbr_synchronize_rcu(void)
{
	__real_urcu_qsbr_synchronize_rcu();
	__tsan_acquire(&readers);
}
