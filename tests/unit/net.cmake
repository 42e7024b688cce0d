foreach(name plain connect)
  unit_test(net ${name} PkgConfig::uv)
endforeach()
