# Compiler and hardening flags for every target (docs: CONTRIBUTING.md, "Language and build").
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(PAVISE_SANITIZER "" CACHE STRING "value for -fsanitize=, empty for none")
option(PAVISE_FUZZ "build the libFuzzer drivers" OFF)

add_compile_options(-Wall -Wextra -Werror -Wconversion -Wshadow -Wimplicit-fallthrough
                    -Wformat=2 -fno-strict-aliasing -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
  add_link_options(-fuse-ld=lld)
endif()

if(PAVISE_SANITIZER)
  add_compile_options(-fsanitize=${PAVISE_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PAVISE_SANITIZER})
else()
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()
add_compile_options(-D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fstack-clash-protection
                    -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3
                    -fno-delete-null-pointer-checks)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
  add_compile_options(-fcf-protection=full)
endif()
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
if(PAVISE_FUZZ)
  # Coverage instrumentation everywhere; the drivers add the fuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
