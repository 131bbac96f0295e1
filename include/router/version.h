/*
 * Version of the programs, as `router --version` and routerctl say it.
 */
#ifndef ROUTER_VERSION_H
#define ROUTER_VERSION_H

#define ROUTER_VERSION "0.1.0"

#endif
