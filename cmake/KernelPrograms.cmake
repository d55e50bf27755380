# The kernel programs: compiled by clang when the agent is built, and put into it as bytes.
# Without clang or libbpf the agent is built all the same, and says at run time what is missing.
option(BACKSCATTER_KERNEL "Put the kernel programs into the agent (needs clang and libbpf)" ON)
if(NOT BACKSCATTER_KERNEL)
  set(BACKSCATTER_KERNEL_PROGRAMS OFF)
  return()
endif()
find_program(BACKSCATTER_CLANG NAMES clang clang-19 clang-16 clang-14
             DOC "clang with the target bpf, for the kernel programs")
find_program(BACKSCATTER_LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-16 llvm-strip-14)
pkg_check_modules(BPF IMPORTED_TARGET libbpf>=1.0)

set(BACKSCATTER_KERNEL_PROGRAMS ON)
if(NOT BACKSCATTER_CLANG OR NOT BPF_FOUND)
  set(BACKSCATTER_KERNEL_PROGRAMS OFF)
  message(WARNING "The agent is built without kernel programs: clang (${BACKSCATTER_CLANG}) and "
                  "libbpf 1.0 or later (${BPF_VERSION}) are needed. On Debian: "
                  "apt-get install clang libbpf-dev libelf-dev")
  return()
endif()

enable_language(ASM)
set(include_flags)
if(CMAKE_LIBRARY_ARCHITECTURE)  # where Debian keeps asm/types.h
  list(APPEND include_flags -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
foreach(directory ${BPF_INCLUDE_DIRS})
  list(APPEND include_flags -isystem ${directory})
endforeach()
set(packet_object ${PROJECT_BINARY_DIR}/bpf/packet.bpf.o)
set(strip_command)
if(BACKSCATTER_LLVM_STRIP)  # what remains is what libbpf reads
  set(strip_command COMMAND ${BACKSCATTER_LLVM_STRIP} -g ${packet_object})
endif()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/bpf)
add_custom_command(
  OUTPUT ${packet_object}
  COMMAND ${BACKSCATTER_CLANG} -target bpf -mcpu=v3 -O2 -g -fdebug-compilation-dir=. -Wall -Wextra
          -Wno-unused-parameter $<$<BOOL:${BACKSCATTER_WERROR}>:-Werror> -I.
          ${include_flags}
          -MMD -MT ${packet_object} -MF ${packet_object}.d -c bpf/packet.bpf.c -o ${packet_object}
  ${strip_command}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
  DEPENDS ${PROJECT_SOURCE_DIR}/bpf/packet.bpf.c
  DEPFILE ${packet_object}.d
  COMMENT "Compiling the kernel programs"
  VERBATIM COMMAND_EXPAND_LISTS)

# Symbols: backscatter_packet_object, backscatter_packet_object_end.
set(BACKSCATTER_PACKET_ASSEMBLER ${PROJECT_BINARY_DIR}/bpf/packet_object.S)
file(CONFIGURE OUTPUT ${BACKSCATTER_PACKET_ASSEMBLER} CONTENT
".section .rodata.backscatter_packet_object, \"a\"
.balign 8
.globl backscatter_packet_object
backscatter_packet_object:
.incbin \"@packet_object@\"
.globl backscatter_packet_object_end
backscatter_packet_object_end:
.section .note.GNU-stack, \"\"
" @ONLY)
add_custom_target(backscatter_packet_object DEPENDS ${packet_object})
