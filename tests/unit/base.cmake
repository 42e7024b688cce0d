foreach(name span arena buffer challenge deadline ending log loop utf8)
  unit_test(base ${name})
endforeach()
