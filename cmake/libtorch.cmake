# libtorch, from the folder that fetch_libtorch.sh fills: target torch::torch, and
# dl_use_torch(TARGET), which also gives TARGET the precompiled torch header (a source file that
# includes torch takes 40 s without it).
#
# Only libtorch_cpu and libc10 are linked, so one binary runs with and without CUDA.

file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/libtorch.pins DL_LIBTORCH_PIN REGEX "^torch ")
string(REGEX REPLACE "^torch ([^ ]+) .*" "\\1" DL_LIBTORCH_VERSION "${DL_LIBTORCH_PIN}")

if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(DL_LIBTORCH_CACHE $ENV{XDG_CACHE_HOME})
else()
  set(DL_LIBTORCH_CACHE $ENV{HOME}/.cache)
endif()
set(DL_LIBTORCH_DIR ${DL_LIBTORCH_CACHE}/dl/libtorch-${DL_LIBTORCH_VERSION} CACHE PATH
  "Holds torch/{include,lib} and nvidia/, as cmake/fetch_libtorch.sh lays them out")
if(NOT EXISTS ${DL_LIBTORCH_DIR}/torch/lib/libtorch_cpu.so)
  message(FATAL_ERROR "libtorch ${DL_LIBTORCH_VERSION} is not in ${DL_LIBTORCH_DIR}. "
    "Run ${CMAKE_CURRENT_LIST_DIR}/fetch_libtorch.sh, set DL_LIBTORCH_DIR to a folder that has it, "
    "or build without the worker: -DDL_BUILD_WORKER=OFF.")
endif()

add_library(torch::c10 SHARED IMPORTED GLOBAL)
set_target_properties(torch::c10 PROPERTIES
  IMPORTED_LOCATION ${DL_LIBTORCH_DIR}/torch/lib/libc10.so)
add_library(torch::cpu SHARED IMPORTED GLOBAL)
set_target_properties(torch::cpu PROPERTIES
  IMPORTED_LOCATION ${DL_LIBTORCH_DIR}/torch/lib/libtorch_cpu.so)

add_library(torch::torch INTERFACE IMPORTED GLOBAL)
target_include_directories(torch::torch SYSTEM INTERFACE
  ${DL_LIBTORCH_DIR}/torch/include
  ${DL_LIBTORCH_DIR}/torch/include/torch/csrc/api/include)
# What the wheel itself was built with, as far as headers look at it.
target_compile_definitions(torch::torch INTERFACE
  USE_DISTRIBUTED USE_C10D USE_RPC _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(torch::torch INTERFACE torch::cpu torch::c10)
# libtorch_cpu needs libcudart and libcupti: found by rpath-link now, by its own rpath later.
target_link_options(torch::torch INTERFACE
  LINKER:-rpath-link,${DL_LIBTORCH_DIR}/nvidia/cu13/lib
  LINKER:-rpath-link,${DL_LIBTORCH_DIR}/torch/lib)

file(WRITE ${CMAKE_BINARY_DIR}/torch_pch.cpp "// Carries the precompiled torch header.\n")
add_library(dl_torch_pch OBJECT ${CMAKE_BINARY_DIR}/torch_pch.cpp)
target_link_libraries(dl_torch_pch PRIVATE dl_warnings torch::torch)
target_precompile_headers(dl_torch_pch PRIVATE
  <torch/torch.h> <torch/csrc/distributed/c10d/reducer.hpp>)

# A precompiled header serves only code that was compiled alike: -fPIC is set for programs too
# (CMake would choose -fPIE), and ccache is told how to look at such a header.
function(dl_torch_compile_flags target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  if(CCACHE)
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()
dl_torch_compile_flags(dl_torch_pch)

# An installed program looks for libtorch beside itself, then where this build found it.
function(dl_use_torch target)
  target_link_libraries(${target} PUBLIC torch::torch)
  dl_torch_compile_flags(${target})
  target_precompile_headers(${target} REUSE_FROM dl_torch_pch)
  set_target_properties(${target} PROPERTIES INSTALL_RPATH
    "$ORIGIN/../lib/libtorch/torch/lib;${DL_LIBTORCH_DIR}/torch/lib")
endfunction()
