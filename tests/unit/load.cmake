foreach(name answer frames histogram pace pattern request target tree)
  unit_test(load ${name})
endforeach()
