# The library, from its sources: the same for this repository and for an app's build.
get_filename_component(PAVISE_SDK "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(pavise_sdk_sources application certificate_file certificates device_hub event_loop gpio health i2c launcher log network
  node peers power spi storage system_events time uart x509)
list(TRANSFORM pavise_sdk_sources REPLACE "(.+)" "${PAVISE_SDK}/source/\\1.c")
add_library(pavise_sdk STATIC ${pavise_sdk_sources})
add_library(pavise::sdk ALIAS pavise_sdk)
target_include_directories(pavise_sdk PUBLIC ${PAVISE_SDK}/include)
target_compile_definitions(pavise_sdk PRIVATE _GNU_SOURCE)
set_target_properties(pavise_sdk PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
