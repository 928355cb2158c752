# One leaf folder = one module = one target.
#
#   pavise_module(common_base
#     SOURCES hex.cc            # omit for a header-only module
#     DEPS OpenSSL::Crypto      # public dependencies
#     PRIVATE_DEPS ...          # not visible through our headers
#     TESTS hex_test.cc         # one test program, run by ctest with label "unit"
#     TEST_DEPS ...
#     FUZZ thing_fuzz.cc ...)   # one libFuzzer driver each; corpus in testdata/corpus/<name>/
#
# Every module is included as "<folder>/<header>.h" from the repository's root.
function(pavise_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS;TESTS;TEST_DEPS;FUZZ" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
  if(ARG_TESTS AND BUILD_TESTING)
    pavise_test(${name}_test SOURCES ${ARG_TESTS} DEPS ${name} ${ARG_TEST_DEPS})
  endif()
  foreach(driver IN LISTS ARG_FUZZ)
    pavise_fuzz(${driver} ${name} ${ARG_TEST_DEPS})
  endforeach()
endfunction()

# A program of the device's root. The C++ run-time is linked in: what three programs use of it is smaller than the pages
# that the shared one costs them (docs/adr/0007). Sanitizers bring their own.
function(pavise_device_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  if(NOT PAVISE_SANITIZER)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,--as-needed)
  endif()
endfunction()

# A GoogleTest program, one ctest entry. LABEL defaults to "unit".
function(pavise_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# A fuzz driver defines LLVMFuzzerTestOneInput. With PAVISE_FUZZ it is a libFuzzer program;
# otherwise it replays its seed corpus as a unit test, so a found crash stays fixed.
function(pavise_fuzz driver)
  get_filename_component(stem ${driver} NAME_WE)
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/testdata/corpus/${stem})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" prefix ${folder})
  set(target ${prefix}_${stem})
  add_executable(${target} ${driver})
  target_link_libraries(${target} PRIVATE ${ARGN})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  if(PAVISE_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzz_drivers)
      add_custom_target(fuzz_drivers)
    endif()
    add_dependencies(fuzz_drivers ${target})
    set(work ${CMAKE_BINARY_DIR}/corpus/${target})
    file(MAKE_DIRECTORY ${work})
    add_test(NAME fuzz_${target}
             COMMAND ${target} -max_total_time=$ENV{PAVISE_FUZZ_SECONDS} -rss_limit_mb=2048
                     -timeout=10 -print_final_stats=1 ${work} ${corpus})
    set_tests_properties(fuzz_${target} PROPERTIES LABELS fuzz TIMEOUT 3600)
  elseif(BUILD_TESTING)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/replay_main.cc)
    add_test(NAME ${target}_replay COMMAND ${target} ${corpus})
    set_tests_properties(${target}_replay PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()

# Adds every direct subfolder that has a CMakeLists.txt, in alphabetical order.
function(pavise_add_rooms)
  file(GLOB rooms CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} */CMakeLists.txt)
  list(SORT rooms)
  foreach(room IN LISTS rooms)
    get_filename_component(room ${room} DIRECTORY)
    add_subdirectory(${room})
  endforeach()
endfunction()
