fuzz_target(rawsocket_session room_wamp)
fuzz_target(wamp_hello room_wamp)
