fuzz_target(pki_bag room_pki)
fuzz_target(pki_ocsp room_pki)
