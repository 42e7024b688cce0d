unit_test(file file PkgConfig::uv)
unit_test(file cache PkgConfig::uv)
