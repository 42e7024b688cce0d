foreach(name plain connect listen listener)
  unit_test(net ${name} PkgConfig::uv)
endforeach()
