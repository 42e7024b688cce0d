foreach(name relay request backend fetch)
  unit_test(relay ${name})
endforeach()
