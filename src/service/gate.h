/* The gate of a WebSocket service: who gets in, and what the others are told. */
#ifndef CROSSGATE_SERVICE_GATE_H
#define CROSSGATE_SERVICE_GATE_H

#include "crossgate/services.h"

/* True: the request is an opening handshake that may be answered 101. False: it has been answered. */
bool gate_admits(const struct websocket_gate *gate, struct exchange *exchange);

#endif
