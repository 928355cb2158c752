# Programs for devices: static, so that an image is one file, and position-independent. The compiler is that of CC and CXX, for the
# device's processor (CC=aarch64-linux-gnu-gcc); the same sources give the same bytes in whichever folder.
set(PaviseSdk_DIR "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(pavise_sdk_folder "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, ...")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(pavise_flags "-ffunction-sections -fdata-sections -fstack-protector-strong -fno-ident \
-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${pavise_sdk_folder}=sdk")
set(CMAKE_C_FLAGS_INIT "${pavise_flags}")
set(CMAKE_CXX_FLAGS_INIT "${pavise_flags}")
set(CMAKE_C_FLAGS_RELEASE_INIT "-Os -D_FORTIFY_SOURCE=2")
set(CMAKE_CXX_FLAGS_RELEASE_INIT "-Os -D_FORTIFY_SOURCE=2")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack")
set(CMAKE_EXE_LINKER_FLAGS_RELEASE_INIT "-s")
