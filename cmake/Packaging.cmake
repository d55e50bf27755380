# `cmake --install` and `cpack -G DEB`: the binary, the unit, the configuration, the man page.
include(GNUInstallDirs)
install(TARGETS backscatterd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd)
# As in the source tree, so that links between them hold; alerts link the runbook there.
install(FILES README.md CHANGELOG.md METRICS.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd/docs
        FILES_MATCHING PATTERN "*.md")
install(FILES dashboards/README.md dashboards/RUNBOOK.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd/dashboards)
install(FILES packaging/backscatterd.service DESTINATION lib/systemd/system)
install(FILES packaging/backscatterd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES packaging/backscatterd.bash RENAME backscatterd
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY dashboards/rules dashboards/alertmanager dashboards/prometheus
        DESTINATION ${CMAKE_INSTALL_DATADIR}/backscatterd)
install(FILES dashboards/grafana/overview.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/backscatterd/grafana)
install(DIRECTORY dashboards/grafana/provisioning/
        DESTINATION ${CMAKE_INSTALL_DATADIR}/backscatterd/grafana-provisioning)
install(FILES packaging/backscatterd.yaml DESTINATION /etc/backscatterd)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The backscatterd authors")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS passwd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE ${PROJECT_BINARY_DIR}/conffiles "/etc/backscatterd/backscatterd.yaml\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${PROJECT_BINARY_DIR}/conffiles
  ${PROJECT_SOURCE_DIR}/packaging/debian/postinst
  ${PROJECT_SOURCE_DIR}/packaging/debian/prerm)
include(CPack)
