foreach(name span arena buffer challenge date deadline ending log loop utf8)
  unit_test(base ${name})
endforeach()
