foreach(name selection services static)
  unit_test(service ${name} PkgConfig::uv)
endforeach()
