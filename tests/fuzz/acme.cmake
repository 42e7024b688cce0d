fuzz_target(acme_document room_acme PkgConfig::jansson)
