# backscatter_room(NAME [HOT] SOURCES... [DEPENDS ...] [PRIVATE_DEPENDS ...])
# One static library a folder, with the alias backscatter::NAME. HOT: every packet passes through
# it, so a release takes -O3 for it.
function(backscatter_room name)
  cmake_parse_arguments(ROOM "HOT" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(backscatter_${name} STATIC ${ROOM_SOURCES})
  add_library(backscatter::${name} ALIAS backscatter_${name})
  target_include_directories(backscatter_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(backscatter_${name} PUBLIC ${ROOM_DEPENDS}
                        PRIVATE backscatter::options ${ROOM_PRIVATE_DEPENDS})
  if(ROOM_HOT AND NOT BACKSCATTER_SANITIZE)
    target_compile_options(backscatter_${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O3>)
  endif()
endfunction()
