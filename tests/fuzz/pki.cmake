fuzz_target(pki_ocsp room_pki)
