# The one target that carries every warning and sanitizer flag. Rooms and tests link it privately.
add_library(backscatter_options INTERFACE)
add_library(backscatter::options ALIAS backscatter_options)
target_compile_options(backscatter_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wswitch-enum -Wimplicit-fallthrough
  -Wundef -Wformat=2)
if(BACKSCATTER_WERROR)
  target_compile_options(backscatter_options INTERFACE -Werror)
endif()
target_include_directories(backscatter_options INTERFACE ${PROJECT_SOURCE_DIR})

if(BACKSCATTER_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumented code misleads g++ about std::regex and its like (GCC bug 105616).
  target_compile_options(backscatter_options INTERFACE -Wno-maybe-uninitialized)
endif()
if(BACKSCATTER_SANITIZE)
  add_compile_options(-fsanitize=${BACKSCATTER_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BACKSCATTER_SANITIZE})
endif()
if(BACKSCATTER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Where speed is not measured, the library checks indices too.
if(BACKSCATTER_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

# Against hostile bytes, at no cost that a replay shows.
if(NOT BACKSCATTER_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro,-z,now)
