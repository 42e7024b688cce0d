fuzz_target(http room_http)
fuzz_target(http_response room_http)
