include_guard(GLOBAL)
# Certificates made on the spot, and a TLS client.
add_library(backscatter_tls_client STATIC ${CMAKE_CURRENT_LIST_DIR}/tls_client.cc)
add_library(backscatter::tls_client ALIAS backscatter_tls_client)
target_link_libraries(backscatter_tls_client
  PUBLIC backscatter::support PRIVATE PkgConfig::GNUTLS backscatter::options)
