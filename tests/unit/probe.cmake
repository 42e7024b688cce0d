foreach(name frames hello target text)
  unit_test(probe ${name})
endforeach()
