# find_package(PaviseSdk REQUIRED)
#   pavise::sdk              the library
#   pavise_app(NAME main.c)  the program that `pavise app build` packs: BUILD/pavise-app, linked with it
include("${CMAKE_CURRENT_LIST_DIR}/library.cmake")

function(pavise_app name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE pavise::sdk)
  target_compile_options(${name} PRIVATE -Wall -Wextra)
  set_target_properties(${name} PROPERTIES OUTPUT_NAME pavise-app RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
endfunction()
