fuzz_target(probe_hello room_probe)
fuzz_target(probe_frames room_probe)
