foreach(name account acme acme_schedule child control crew door drained errand expiry handover parcel renewal staples state tickets watch word)
  unit_test(process ${name})
endforeach()
unit_test(process front PkgConfig::uv)
