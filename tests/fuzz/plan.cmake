fuzz_target(plan room_plan)
fuzz_target(sources room_plan)
