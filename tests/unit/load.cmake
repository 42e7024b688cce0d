foreach(name histogram pace target tree)
  unit_test(load ${name})
endforeach()
