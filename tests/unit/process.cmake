foreach(name account child control crew door drained errand handover parcel staples state word)
  unit_test(process ${name})
endforeach()
unit_test(process front PkgConfig::uv)
