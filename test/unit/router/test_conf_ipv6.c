/* The group ipv6, and the list delegated, as values. */
#include "conf_good.h"

#define IN "interfaces = ( { name = \"a\"; side = \"inside\"; type = \"mem\"; } );"

static void assert_headers(const struct headers *s, const uint8_t *members, size_t count)
{
	for (int i = 0; i <= UINT8_MAX; i++)
		if (headers_has(s, (uint8_t)i) != (memchr(members, i, count) != NULL))
			fail_msg("%d", i);
}

/* RFC 7045: all headers pass; RFC 4890 section 4.3: what has no use passes not. */
static void usual(void **state)
{
	static const uint8_t icmp[] = { 100, 101, 127, 138, 139, 140, 200, 201, 255 };
	struct conf *c = good_text(IN);

	(void)state;
	assert_headers(&c->ipv6.denied_headers, icmp, 0);
	assert_headers(&c->ipv6.denied_icmp, icmp, sizeof(icmp));
	assert_false(c->ipv6.denies_headers);
	assert_false(c->ipv6.obeys_options);
	assert_true(c->ipv6.documentation);
	assert_false(c->ipv6.unique_local);
	assert_int_equal(c->ipv6.delegated_count, 0);
	conf_free(c);
}

static void dialled(void **state)
{
	static const uint8_t headers[] = { 0, 43, 44, 50, 51, 60, 135, 139, 140, 253 }, icmp[] = { 0, 150 };
	struct conf *c = good_text(
		"delegated = [ \"2001:db8:1::/56\", \"2600::/12\" ]; ipv6 = { deny_headers = [ \"hop-by-hop\","
		"\"routing\", \"fragment\", \"esp\", \"ah\", \"destination\", \"mobility\", \"hip\","
		"\"shim6\", \"253\" ]; deny_icmp = [ 150, 0 ]; hop_by_hop = \"obey\"; documentation = false;"
		"unique_local = true; };" IN);

	(void)state;
	assert_headers(&c->ipv6.denied_headers, headers, sizeof(headers));
	assert_headers(&c->ipv6.denied_icmp, icmp, sizeof(icmp));
	assert_true(c->ipv6.denies_headers);
	assert_true(c->ipv6.obeys_options);
	assert_false(c->ipv6.documentation);
	assert_true(c->ipv6.unique_local);
	assert_int_equal(c->ipv6.delegated_count, 2);
	assert_prefix(&c->ipv6.delegated[0], "2001:db8:1::/56");
	assert_prefix(&c->ipv6.delegated[1], "2600::/12");
	conf_free(c);
}

/* As many as there is room for, and one more. */
static void many(void **state)
{
	(void)state;
	for (int count = CONF_DELEGATED_MOST; count <= CONF_DELEGATED_MOST + 1; count++) {
		char *text, *faults, name[64];
		size_t len;
		FILE *out = open_memstream(&text, &len);
		int fd = memfd_create("conf", 0);

		fprintf(out, "delegated = [ ");
		for (int i = 0; i < count; i++)
			fprintf(out, "%s\"2001:db8:%x::/48\"", i ? ", " : "", i + 1);
		fprintf(out, " ]; " IN);
		fclose(out);
		assert_int_equal(write(fd, text, len), (ssize_t)len);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		free(text);
		out = open_memstream(&faults, &len);
		struct conf *c = conf_read(name, out);
		fclose(out);
		assert_int_equal(c != NULL, count == CONF_DELEGATED_MOST);
		assert_int_equal(strstr(faults, "delegated has 65 prefixes; at most 64") != NULL, !c);
		conf_free(c);
		free(faults);
		close(fd);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual),
		cmocka_unit_test(dialled),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
