foreach(name relay request backend)
  unit_test(relay ${name})
endforeach()
