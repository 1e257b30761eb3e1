# How a folder declares itself: dl_library, dl_binary and dl_test, with the project's warnings,
# and the third-party packages, each found once and here.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(yaml-cpp REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(spdlog REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  # Paths below the clone count relative to it, so that a new clone finds the objects of an old one.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
    ${CCACHE})
endif()

add_library(dl_warnings INTERFACE)
target_compile_options(dl_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror)
# Designated initialisers leave the rest to the members' own defaults.
target_compile_options(dl_warnings INTERFACE -Wno-missing-field-initializers)
# GCC 12 reports these inside its own std::string and std::optional once they are inlined.
target_compile_options(dl_warnings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-dangling-pointer>)

# dl_library(NAME SOURCES… DEPS…): a static library of one folder. `DEPS` are public.
function(dl_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE dl_warnings ${ARG_PRIVATE_DEPS})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# dl_binary(NAME SOURCES… DEPS…): a program, installed into bin/.
function(dl_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE dl_warnings ${ARG_DEPS})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# dl_test(NAME SOURCES… DEPS… [LABELS…] [TIMEOUT s]): one Catch2 binary, one CTest entry.
function(dl_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT DL_BUILD_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  # Only the sources that say these names get them: an object without a path of this clone in it
  # is found in ccache by other clones.
  foreach(source IN LISTS ARG_SOURCES)
    file(STRINGS ${source} uses REGEX "DL_(SOURCE|BINARY)_DIR" LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS
        DL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" DL_BINARY_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    endif()
  endforeach()
  target_link_libraries(${name} PRIVATE dl_warnings dl_test_main ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} --durations yes)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# The one main() of all Catch2 binaries: Catch takes 8 s to compile, so it is compiled once.
if(DL_BUILD_TESTS)
  add_library(dl_test_main STATIC ${PROJECT_SOURCE_DIR}/tests/support/test_main.cpp)
endif()
