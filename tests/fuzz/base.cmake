fuzz_target(challenge room_base)
