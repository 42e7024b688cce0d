fuzz_target(config room_config PkgConfig::jansson)
