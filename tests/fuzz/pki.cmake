fuzz_target(pki_bag room_pki)
