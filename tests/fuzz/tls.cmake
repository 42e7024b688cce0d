fuzz_target(tls_credential room_tls)
fuzz_target(tls_handshake room_tls)
fuzz_target(tls_records room_tls)
fuzz_target(tls_ticket_keys room_tls)
