foreach(name account child control crew door drained expiry handover parcel renewal watch)
  unit_test(process ${name})
endforeach()
unit_test(process front PkgConfig::uv)
