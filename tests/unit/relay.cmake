foreach(name relay request backend upstream health)
  unit_test(relay ${name})
endforeach()
