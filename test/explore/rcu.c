/*
 * What liburcu (QSBR) promises, and no more: what a reader has done before a quiescent state, or before it
 * went offline, has happened before a synchronize_rcu() that begins earlier returns; it waits for every
 * reader that is online. What was done before it began has happened before what a reader does after that
 * state.
 */
#include <string.h>
#include <urcu-qsbr.h>

#include "core.h"

static struct {
	struct view readers, writer;
	bool online[THREADS], awaited[THREADS], begun;
} r;

void rcu_begin(void)
{
	memset(&r, 0, sizeof(r));
}

bool rcu_may_end(void)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (r.awaited[i])
			return false;
	return true;
}

static void be_quiet(bool online)
{
	struct view v;
	unsigned me = thread_now();

	arrive((struct step){ QUIET, __ATOMIC_ACQ_REL, (uintptr_t)&r });
	view_of_now(&v);
	view_join(&r.readers, &v);
	if (r.begun)
		view_learn(&r.writer);
	r.online[me] = online;
	r.awaited[me] = false;
	note(online ? "quiescent" : "offline", 0, 0);
}

void urcu_qsbr_register_thread(void)
{
	be_quiet(true);
}

void urcu_qsbr_unregister_thread(void)
{
	be_quiet(false);
}

void urcu_qsbr_thread_online(void)
{
	be_quiet(true);
}

void urcu_qsbr_thread_offline(void)
{
	be_quiet(false);
}

void urcu_qsbr_quiescent_state(void)
{
	be_quiet(true);
}

void urcu_qsbr_synchronize_rcu(void)
{
	arrive((struct step){ SYNC_BEGIN, __ATOMIC_ACQ_REL, (uintptr_t)&r });
	view_of_now(&r.writer);
	r.begun = true;
	for (unsigned i = 0; i < THREADS; i++)
		r.awaited[i] = r.online[i];
	note("synchronize begins", 0, 0);
	arrive((struct step){ SYNC_END, __ATOMIC_ACQ_REL, (uintptr_t)&r });
	view_learn(&r.readers);
	note("synchronize ends", 0, 0);
}
