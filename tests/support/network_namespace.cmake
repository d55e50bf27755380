include_guard(GLOBAL)
# Network namespaces and veth pairs, for tests of what watches a live network.
if(BACKSCATTER_TESTS)
  add_library(backscatter_network_namespace STATIC
    ${CMAKE_CURRENT_LIST_DIR}/network_namespace.cc
    ${CMAKE_CURRENT_LIST_DIR}/tcp_talk.cc)
  add_library(backscatter::network_namespace ALIAS backscatter_network_namespace)
  target_link_libraries(backscatter_network_namespace
    PUBLIC backscatter::base GTest::gtest PRIVATE backscatter::options)
endif()
