# What `cmake --install` and CPack deliver: bin/, share/dl/jobs, share/dl/setup. The folder can be
# moved. libtorch is not in it: share/dl/setup/fetch_libtorch.sh fetches it on the machine, and
# dl-worker looks for it in ../lib/libtorch and in the fetch script's cache.

install(DIRECTORY configs/jobs/ DESTINATION share/dl/jobs)
install(PROGRAMS cmake/fetch_libtorch.sh DESTINATION share/dl/setup)
install(FILES cmake/libtorch.pins DESTINATION share/dl/setup)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/dl)

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME dl)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_FILE_NAME dl-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
