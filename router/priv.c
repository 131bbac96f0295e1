/*
 * Capabilities, and the user.
 *
 * Capabilities belong to threads: while there is only one, it is the process. setuid() would take
 * all of them away, so they are kept over it, and then made few; when that is done, nothing brings
 * others back: the bounding set and no_new_privs are for what is executed, and the securebits for
 * user number 0.
 */
#include "router/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io_backend.h"

#ifndef CAP_BPF /* since Linux 5.8 */
#define CAP_BPF 39
#endif

/* Of what is done with devices while the gateway runs: they are opened again when they come back,
 * programs and rules are replaced at a reload. why: for the manual, in roff. */
static const struct { int capability; const char *name; unsigned int needs; const char *why; } kept[] = {
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", PRIV_DEVICES,
	  "to make devices, to give them addresses and routes, and for the rules and the range of ports "
	  "that keep the kernel out of what is the gateway's" },
	{ CAP_NET_RAW, "CAP_NET_RAW", PRIV_PACKETS,
	  "for interfaces on devices that exist: types\n.BR packet \" and \" xdp" },
	{ CAP_BPF, "CAP_BPF", PRIV_STEERING | PRIV_XDP,
	  "for\n.B steering\nwith several workers, which does without if it must, and for type\n"
	  ".BR xdp ;\nnot that of a user namespace" },
	{ CAP_IPC_LOCK, "CAP_IPC_LOCK", PRIV_XDP,
	  "for type\n.BR xdp ,\nto share memory with the kernel; not that of a user namespace" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", PRIV_NETNS,
	  "to make devices in another network namespace\n.RB ( netns )" },
};

const char *priv_capability(size_t i, const char **why)
{
	if (i >= sizeof(kept) / sizeof(kept[0]))
		return NULL;
	*why = kept[i].why;
	return kept[i].name;
}

static const unsigned int needs_of_type[IO_TYPE_COUNT] = {
	[IO_TUN] = PRIV_DEVICES,
	[IO_TAP] = PRIV_DEVICES,
	[IO_PACKET] = PRIV_DEVICES | PRIV_PACKETS,
	[IO_XDP] = PRIV_DEVICES | PRIV_PACKETS | PRIV_XDP,
	[IO_NFQUEUE] = PRIV_DEVICES | PRIV_PACKETS,
	[IO_RAW] = PRIV_DEVICES | PRIV_PACKETS,
	[IO_MEM] = 0,
};

unsigned int priv_needs(const struct conf *c)
{
	unsigned int needs = PRIV_ALWAYS;

	for (size_t i = 0; i < c->interface_count; i++) {
		const struct conf_interface *n = &c->interfaces[i];

		needs |= needs_of_type[n->type];
		if (n->netns)
			needs |= PRIV_NETNS;
		if ((n->type == IO_TUN || n->type == IO_TAP) && n->io_uring)
			needs |= PRIV_URING;
	}
	if (c->steering && c->workers > 1 && needs & PRIV_DEVICES)
		needs |= PRIV_STEERING;
	return needs;
}

static uint64_t bit(int capability)
{
	return UINT64_C(1) << capability;
}

static int get_permitted(uint64_t *permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	if (syscall(SYS_capget, &header, sets) < 0)
		return -errno;
	*permitted = sets[0].permitted | (uint64_t)sets[1].permitted << 32;
	return 0;
}

static int set_permitted(uint64_t permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint32_t low = (uint32_t)permitted, high = (uint32_t)(permitted >> 32);
	struct __user_cap_data_struct sets[2] = {
		{ .permitted = low, .effective = low }, { .permitted = high, .effective = high },
	};

	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

/* What has no other name than a number, up to the first that this kernel does not know. */
static int drop_bounding(uint64_t keep)
{
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep & bit(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

/* No user number stands for any capability, and this cannot be taken back. */
static int lock_securebits(void)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
				   SECBIT_NO_CAP_AMBIENT_RAISE |
				   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 ? -errno : 0;
}

/* Keep these, as far as they are there. */
static int keep_only(uint64_t keep)
{
	uint64_t permitted = 0;
	int r = get_permitted(&permitted);

	keep &= permitted;
	if (r == 0 && permitted & bit(CAP_SETPCAP)) {
		/* setuid() has taken it out of force. */
		r = set_permitted(permitted);
		if (r == 0)
			r = drop_bounding(keep);
		if (r == 0)
			r = lock_securebits();
	}
	if (r == 0)
		r = set_permitted(keep);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

static int refuse_keeping(int r, struct io_error *error)
{
	return r ? io_refuse(error, r, "cannot give up capabilities: %s", strerror(-r)) : 0;
}

static int find_user(const struct conf *c, uid_t *uid, gid_t *gid, struct io_error *error)
{
	const struct passwd *user = getpwnam(c->user);
	const struct group *group;

	if (!user)
		return io_refuse(error, -ENOENT,
				 "user \"%s\": there is none; adduser --system --group %s, or "
				 "remove the key", c->user, c->user);
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	if (!c->group)
		return 0;
	group = getgrnam(c->group);
	if (!group)
		return io_refuse(error, -ENOENT,
				 "group \"%s\": there is none; addgroup --system %s, or remove the "
				 "key", c->group, c->group);
	*gid = group->gr_gid;
	return 0;
}

/* Its capabilities stay permitted. */
static int become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(1, &gid) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int change_user(const struct conf *c, struct io_error *error)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int r = find_user(c, &uid, &gid, error);

	if (r < 0 || (geteuid() == uid && getegid() == gid))
		return r;
	if (c->control && geteuid() == 0 && lchown(c->control, uid, gid) < 0)
		return io_refuse(error, -errno, "control socket %.128s: cannot give it to user "
				 "\"%s\": %s", c->control, c->user, strerror(errno));
	r = become(uid, gid);
	if (r < 0)
		return io_refuse(error, r,
				 "cannot become user \"%s\" (%s): start as root, or remove the key",
				 c->user, strerror(-r));
	return 0;
}

int priv_drop(const struct conf *c, struct io_error *error)
{
	unsigned int needs = priv_needs(c);
	uint64_t keep = 0;
	int r = c->user ? change_user(c, error) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].needs & needs)
			keep |= bit(kept[i].capability);
	return refuse_keeping(keep_only(keep), error);
}

int priv_drop_for_undo(struct io_error *error)
{
	return refuse_keeping(keep_only(bit(CAP_NET_ADMIN) | bit(CAP_DAC_OVERRIDE)), error);
}
