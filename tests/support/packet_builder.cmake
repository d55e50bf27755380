include_guard(GLOBAL)
# Frames, header by header, for tests of everything that takes packets.
add_library(backscatter_packet_builder STATIC ${CMAKE_CURRENT_LIST_DIR}/packet_builder.cc)
add_library(backscatter::packet_builder ALIAS backscatter_packet_builder)
target_link_libraries(backscatter_packet_builder
  PUBLIC backscatter::net PRIVATE backscatter::options)
