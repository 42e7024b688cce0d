fuzz_target(load_answer room_load)
fuzz_target(load_frames room_load)
