# `cmake --install` and `cpack -G DEB`: the binary and its licence. The unit, the default
# configuration and the man page come with the command `run`.
include(GNUInstallDirs)
install(TARGETS backscatterd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/backscatterd)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The backscatterd authors")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
