/*
 * The long replies: routes, sessions and mappings, a piece at a time.
 *
 * Shape    {"sessions": […], "truncated": false, "ok": true}: the array has the command's name.
 *          Rows end at the request's limit, and truncated says that there are more.
 * Errors   As in ctl_reply.h.
 */
#ifndef ROUTER_CTL_LIST_H
#define ROUTER_CTL_LIST_H

#include "ctl_reply.h"

bool ctl_list_routes(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out);
bool ctl_list_sessions(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out);
bool ctl_list_mappings(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out);

#endif
