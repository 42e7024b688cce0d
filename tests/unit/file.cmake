unit_test(file file PkgConfig::uv)
