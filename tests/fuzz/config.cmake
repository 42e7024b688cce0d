fuzz_target(config room_config PkgConfig::jansson)
fuzz_target(yaml room_config PkgConfig::jansson)
