/* MAC addresses that are made up. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway_core.h"
#include "mix.h"

enum { MACHINE_LEN = 32 };

/* Nobody gains by finding another name with the same address. */
static uint64_t mix_text(uint64_t h, const char *text)
{
	return text ? fnv1a(h, text, strlen(text) + 1) : fnv1a(h, "", 1);
}

/* The machine, and the network namespace, of which it may have several. */
static uint64_t mix_place(uint64_t h)
{
	char machine[MACHINE_LEN] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	struct stat netns;

	if (fd >= 0 && read(fd, machine, sizeof(machine)) > 0)
		h = fnv1a(h, machine, sizeof(machine));
	if (fd >= 0)
		close(fd);
	if (stat("/proc/self/ns/net", &netns) == 0)
		h = fnv1a(h, &netns.st_ino, sizeof(netns.st_ino));
	return h;
}

/* Unicast, and administered locally (IEEE 802 section 8.2). */
static void make_mac(uint8_t mac[static 6], uint64_t h)
{
	memcpy(mac, &h, 6);
	mac[0] = (uint8_t)((mac[0] & ~3u) | 2);
}

void gateway_learn_macs(struct conf *c)
{
	static const uint8_t none[6];
	uint64_t place = fnv1a(FNV1A_BEGIN, &c->seed, sizeof(c->seed));

	if (!c->seed)
		place = mix_text(mix_place(place), c->file);
	for (size_t i = 0; i < c->interface_count; i++) {
		struct conf_interface *n = &c->interfaces[i];

		if (n->type == IO_TAP && memcmp(n->mac, none, sizeof(none)) == 0)
			make_mac(n->mac, mix_text(mix_text(place, n->device), n->netns));
	}
}
