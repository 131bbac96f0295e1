/* Keys of type tap: our MAC address, VLAN tags, and devices that several interfaces share. */
#include "conf_read.h"

#include <string.h>

enum { VLAN_MOST = 4094, TAGS_MOST = 2 };

static bool parse_mac(const char *text, uint8_t mac[static 6])
{
	unsigned int octets[6];
	char end;

	if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text) ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &octets[0], &octets[1], &octets[2], &octets[3],
		   &octets[4], &octets[5], &end) != 6)
		return false;
	for (size_t i = 0; i < 6; i++)
		mac[i] = (uint8_t)octets[i];
	return true;
}

static void read_mac(const struct section *s, struct conf_interface *n)
{
	static const uint8_t none[6];
	struct item item = section_text(s, "mac");

	if (!*item.text)
		return;
	if (!parse_mac(item.text, n->mac))
		reader_fault(s->r, item.line,
			     "interfaces.mac \"%s\" is no MAC address; write it like 02:00:5e:10:00:01",
			     item.text);
	else if (n->mac[0] & 1 || memcmp(n->mac, none, sizeof(none)) == 0)
		reader_fault(s->r, item.line,
			     "interfaces.mac %s is not that of one host; begin with 02", item.text);
}

static void read_vlan(const struct section *s, struct conf_interface *n)
{
	int64_t vlan;

	n->vlan_keep = section_instead(s, "vlan") != WORD_NONE;
	if (section_numbers(s, "vlan") > TAGS_MOST) {
		reader_fault(s->r, section_line(s, "vlan"),
			     "interfaces.vlan has more than two tags; give the outer one, then the inner");
		return;
	}
	for (size_t i = 0; section_number_next(s, "vlan", &i, &vlan);)
		n->vlan[n->vlan_count++] = (uint16_t)vlan;
}

/* By Ethernet the kernel's end reaches nothing but by the router's address. */
static void check_host_routes(const struct section *s, const struct conf_interface *n)
{
	for (size_t i = 0; i < n->host_route_count; i++) {
		size_t k = 0;

		while (k < n->address_count && n->addresses[k].address.version !=
					       n->host_routes[i].address.version)
			k++;
		if (k == n->address_count)
			reader_fault(s->r, section_line(s, "host_routes"),
				     "interfaces.host_routes on type tap lead to an address of the router "
				     "of the same IP version; give address one");
	}
}

void conf_read_tap(const struct section *s, struct conf_interface *n)
{
	static const char *const keys[] = { "mac", "vlan", "vlan_priority" };

	for (size_t i = 0; n->type != IO_TAP && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "interfaces.%s is for type tap; leave it out", keys[i]);
	n->trunk = (uint16_t)s->r->conf->interface_count;
	n->vlan_priority = (int8_t)section_number(s, "vlan_priority");
	if (n->type != IO_TAP)
		return;
	read_mac(s, n);
	read_vlan(s, n);
	check_host_routes(s, n);
	if (section_has(s, "vlan_priority") && !n->vlan_count && !n->vlan_keep)
		reader_fault(s->r, section_line(s, "vlan_priority"),
			     "interfaces.vlan_priority without vlan has no tag to stand in; give vlan");
}

/* Keys about the device, which an interface gives that only shares it. */
static void check_branch(const struct section *s, const struct conf_interface *trunk)
{
	static const char *const keys[] = { "queues", "offload", "io_uring", "host_address",
					    "host_routes" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "interfaces.%s is about the device, which is that of interface "
				     "\"%s\" in line %d; give it there", keys[i], trunk->name,
				     trunk->line);
}

bool conf_share_device(const struct section *s, struct conf_interface *n,
		       const struct conf_interface *earlier)
{
	if (n->type != IO_TAP || earlier->type != IO_TAP)
		return false;
	if (n->vlan_keep == earlier->vlan_keep && n->vlan_count == earlier->vlan_count &&
	    memcmp(n->vlan, earlier->vlan, sizeof(n->vlan)) == 0)
		return false;
	if (!n->is_branch)
		check_branch(s, earlier);
	n->is_branch = true;
	n->trunk = earlier->trunk;
	n->offload = earlier->offload;
	return true;
}
