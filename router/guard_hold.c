#include "guard_hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "io_backend.h"
#include "mix.h"

enum { HOLD_S = 10 };

/* The same for the next gateway, and for no other; not 0. */
static uint32_t number_of(const struct conf *c)
{
	return (uint32_t)fnv1a(FNV1A_BEGIN, c->state_file, strlen(c->state_file)) | 1;
}

/* What nftables says is the caller's to free; NULL: nothing, all is done. */
static char *run(const char *commands)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char *said = NULL;

	if (!nft)
		return strdup("no memory");
	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	if (nft_run_cmd_from_buffer(nft, commands) != 0)
		said = strdup(nft_ctx_get_error_buffer(nft));
	nft_ctx_free(nft);
	return said;
}

int guard_hold(uint32_t *number, const struct conf *c, const struct guard_use *u, struct io_error *error)
{
	char *rules = NULL, *said;
	size_t len;
	FILE *out = open_memstream(&rules, &len);
	int r = 0;

	if (!out)
		return io_refuse(error, -ENOMEM, "guard: out of memory");
	guard_put_hold(out, c, u, number_of(c));
	fclose(out);
	said = run(rules);
	if (said)
		r = io_refuse(error, -EOPNOTSUPP, "guard: nftables says \"%.*s\" about what is to stay for "
			      "state_file; remove that key", (int)strcspn(said, "\n"), said);
	else
		*number = number_of(c);
	free(said);
	free(rules);
	return r;
}

void guard_hold_end(uint32_t number)
{
	char *commands = NULL;
	size_t len;
	FILE *out = open_memstream(&commands, &len);

	if (!out)
		return;
	guard_put_hold_end(out, number, HOLD_S);
	fclose(out);
	/* Without the table there is nothing to end. */
	free(run(commands));
	free(commands);
}
