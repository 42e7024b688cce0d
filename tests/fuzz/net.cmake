fuzz_target(proxy_protocol room_net PkgConfig::uv)
