#include "queue_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 128, LOOSE = 2 };

/* A device's name may hold dots, and is a folder here. */
static void name_file(char path[PATH_ROOM], int version, const char *device, const char *key)
{
	snprintf(path, PATH_ROOM, "/proc/sys/net/ipv%d/conf/%s/%s", version, device, key);
}

static int get(int version, const char *device, const char *key)
{
	char path[PATH_ROOM];
	FILE *f;
	int value, r;

	name_file(path, version, device, key);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	r = fscanf(f, "%d", &value) == 1 ? value : -EIO;
	fclose(f);
	return r;
}

static int set(const char *device, const char *key, int value)
{
	char path[PATH_ROOM];
	FILE *f;

	name_file(path, 4, device, key);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "%d\n", value);
	return fclose(f) == 0 ? 0 : -errno;
}

/* Change it unless it is that already; *was: what it was if it was changed. */
static int change(const char *device, const char *key, int value, int *was)
{
	int now = get(4, device, key), r;

	if (now < 0)
		return now;
	r = now == value ? 0 : set(device, key, value);
	if (r == 0 && now != value)
		*was = now;
	return r;
}

/* The greater one of a device's and of what is for all counts: strict is one, loose is two. */
static bool is_strict(const char *device)
{
	return get(4, "all", "rp_filter") == 1 || get(4, device, "rp_filter") == 1;
}

int queue_host_keep(struct queue_host *h)
{
	int r = change(h->device, "accept_local", 1, &h->accept_local);

	if (r == 0 && is_strict(h->device))
		r = change(h->device, "rp_filter", LOOSE, &h->rp_filter);
	return r;
}

int queue_host_allow(struct queue_host *h, const char *device)
{
	*h = (struct queue_host){ .accept_local = -1, .rp_filter = -1 };
	snprintf(h->device, sizeof(h->device), "%s", device);
	return queue_host_keep(h);
}

static void put_back(const char *device, const char *key, int now, int was)
{
	if (was >= 0 && get(4, device, key) == now)
		set(device, key, was);
}

void queue_host_restore(struct queue_host *h)
{
	put_back(h->device, "accept_local", 1, h->accept_local);
	put_back(h->device, "rp_filter", LOOSE, h->rp_filter);
	h->accept_local = h->rp_filter = -1;
}

bool queue_host_forwards(const char *device, int version)
{
	return get(version, version == 4 ? device : "all", "forwarding") == 1;
}

bool queue_host_filters_bridges(void)
{
	FILE *f = fopen("/proc/sys/net/bridge/bridge-nf-call-iptables", "re");
	int value = 0;

	if (!f)
		return false;
	if (fscanf(f, "%d", &value) != 1)
		value = 0;
	fclose(f);
	return value;
}
